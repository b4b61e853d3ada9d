"""What Airflow's metadata database does on SQLite."""

from __future__ import annotations

from greenery.airflow_settings.airflow_local_settings import create_metadata_engine
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "task"
    key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]


def test_a_decision_on_a_task_that_was_cleared_meanwhile_is_dropped(tmp_path):
    engine = create_metadata_engine(f"sqlite:///{tmp_path / 'airflow.db'}", engine_args={}, connect_args={})
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Task(key="first try", state="none"))
        session.commit()
    with Session(engine) as session:
        task = session.get_one(Task, "first try")
        session.execute(text("update task set key = 'second try'"))  # as the api-server does
        task.state = "upstream_failed"
        session.commit()
        assert session.execute(text("select key, state from task")).all() == [("second try", "none")]
