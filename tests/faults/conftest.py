"""Engines and routers of their own for the tests of faults."""

from tests.acceptance.conftest import make_router, make_sink, toolkit
from tests.routing.engine.conftest import make_engine

__all__ = ["make_engine", "make_router", "make_sink", "toolkit"]
