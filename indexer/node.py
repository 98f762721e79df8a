"""The node, by plain JSON-RPC: many requests in one, and nothing made of an answer that is not needed."""

import itertools
import json
import threading
from collections.abc import Sequence
from typing import Any

import requests

from offchain.chain import ChainError, silence, where

BATCH = 200
"""Requests sent as one."""

TIMEOUT_SECONDS = 60


class Node:
    """Answers as JSON gives them. A refusal or silence is ChainError. Threads may share it."""

    def __init__(self, url: str):
        self.url = url
        self._local = threading.local()
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any) -> Any:
        """The result of one request."""
        return self._result(method, self._post(self._request(method, params)))

    def batch(self, method: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """The results of one method for many parameters, in their order."""
        return [result for at in range(0, len(calls), BATCH) for result in self._many(method, calls[at : at + BATCH])]

    def _many(self, method: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        asked = [self._request(method, params) for params in calls]
        answers = self._post(asked)
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise ChainError(f"{where(self.url)} does not answer many requests at once: {str(answers)[:200]}")
        by_id = {answer.get("id"): answer for answer in answers}
        return [self._result(method, by_id.get(one["id"])) for one in asked]

    def _request(self, method: str, params: Sequence[Any]) -> dict:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _post(self, body: dict | list) -> Any:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        try:
            answer = self._local.session.post(self.url, json=body, timeout=TIMEOUT_SECONDS)
            return json.loads(answer.content)
        except requests.RequestException as error:
            raise silence(self.url, error) from None
        except ValueError:
            raise ChainError(f"{where(self.url)} answers {answer.status_code}, and no JSON: is it a node?") from None

    def _result(self, method: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or "result" not in answer:
            problem = answer.get("error", answer) if isinstance(answer, dict) else answer
            raise ChainError(f"the node refused {method}: {str(problem)[:200]}")
        return answer["result"]
