from local.answer import Answer

LABELS = ["<=50K", ">50K"]


def test_answer_with_probabilities_is_a_class_that_is_right_or_wrong() -> None:
    prediction = {"class_ids": [1.0], "classes": [">50K"], "probabilities": [0.1, 0.9]}
    right, wrong = Answer.of(prediction, 1.0, LABELS), Answer.of(prediction, 0, LABELS)
    assert (str(right), right.verdict) == (">50K (90%)", "right")
    assert (str(wrong), wrong.verdict) == (">50K (90%)", "wrong, it is <=50K")


def test_answer_that_is_a_number_stands_beside_the_truth() -> None:
    for prediction in ([12.346], 12.346, {"predictions": [12.346]}):
        answer = Answer.of(prediction, 9.5, [])
        assert (str(answer), answer.verdict) == ("12.35", "it is 9.50")
        assert answer.right is None


def test_answer_of_an_autoencoder_is_its_error_and_has_no_truth() -> None:
    answer = Answer.of({"reconstruction": [[[0.5]]], "error": 0.01234}, 7, ["0", "1"])
    assert str(answer) == "the picture made again, with an error of 0.0123"
    assert answer.verdict == ""


def test_answer_with_other_outputs_names_them() -> None:
    assert str(Answer.of({"score": 3}, "x", [])) == "score 3"
