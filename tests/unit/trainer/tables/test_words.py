import tensorflow as tf

from contract import WordStatistics
from contract.kinds import category
from trainer.tables.words import WordColumn


def column(words: dict[str, int], default: str | None = "?") -> WordColumn:
    statistics = WordStatistics(count=sum(words.values()), missing=0, words=words, other=0)
    return WordColumn.of(category("x", default=default), statistics, missing=("", "?", "NA"))


def indices(words: WordColumn, *texts: str) -> list[int]:
    return words.index(words.clean(tf.constant(texts))).numpy().tolist()


def test_index_of_known_words_is_their_rank_from_one():
    known = column({f"word {rank}": 1000 - rank for rank in range(500)})
    assert indices(known, *(f"word {rank}" for rank in range(500))) == list(range(1, 501))


def test_index_of_unknown_words_is_zero():
    known = column({"a": 5, "b": 4})
    assert indices(known, "c", "", "A", "b\0", "é") == [0] * 5


def test_index_of_a_word_that_was_seen_once_is_zero():
    assert indices(column({"a": 5, "b": 1}), "a", "b") == [1, 0]


def test_clean_strips_spaces():
    assert indices(column({"a": 5, "b b": 4}), " a", "a ", "\tb b ") == [1, 1, 2]


def test_clean_takes_the_default_for_a_missing_word():
    assert indices(column({"a": 5, "?": 4}), "", " NA", "?") == [2, 2, 2]


def test_index_without_any_known_word_is_zero():
    assert indices(column({}), "a") == [0]
