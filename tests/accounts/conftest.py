"""The rules hold on every engine: each test here that asks for a store runs on all three."""
import pytest


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> str:
    return request.param
