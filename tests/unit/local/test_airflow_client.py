from local.airflow_client import LogLine


def test_log_line_of_an_error_names_every_exception() -> None:
    line = LogLine.from_json(
        {
            "timestamp": "2026-01-02T03:04:05.678Z",
            "level": "error",
            "logger": "task",
            "event": "Task failed with exception",
            "error_detail": [{"exc_type": "ValueError", "exc_value": "label: expected 1 to 5"}],
        }
    )
    assert str(line) == "03:04:05 ERROR Task failed with exception ValueError: label: expected 1 to 5"


def test_log_line_of_airflow_itself_is_not_the_task_s() -> None:
    def line(logger: str) -> LogLine:
        return LogLine.from_json({"event": "words", "logger": logger})

    assert line("airflow.task.operators.retraining.operators.train.TrainOperator").from_task
    assert line("task.stdout").from_task
    assert not line("airflow.sdk.execution_time.task_runner").from_task
    assert not LogLine.from_json("::group::").from_task
