"""Turns a hint into facts by asking the gateway: nothing that a hint says is believed, only what the answer says."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Final

from app.ingress.problems import FieldError, Problem, away
from schemas.failures import ContractBroken, SaldoError, Transient
from schemas.failures.waiting import MOST_WAIT_S, bounded_wait_s
from schemas.records.payments import ObservedBy, TransactionObserved
from streams.edges.ports import GatewayReader

logger = logging.getLogger(__name__)

# A rejected login asked again for every hint would lock the account, so nobody asks for this long.
_SHUT_FOR_S: Final = 60.0


class HintResolver:
    """Asks the gateway, a few questions at once and each for a limited time."""

    def __init__(self, gateway: GatewayReader, *, timeout_s: float, at_once: int, retry_after_s: int) -> None:
        self._gateway = gateway
        self._timeout_s = timeout_s
        self._retry_after_s = retry_after_s
        self._seats = asyncio.Semaphore(at_once)
        self._shut_until = float("-inf")

    async def settle(self, transaction_id: str, observed_by: ObservedBy, field: str) -> tuple[TransactionObserved, ...]:
        """Return what the gateway itself says of this transaction.

        Raises: Problem 503 when it is away or slow (the poll will find the transaction anyway), 502 when its answer
                makes no sense, 422 naming field when it knows no such transaction.
        """
        if time.monotonic() < self._shut_until:
            raise self._away(self._shut_until - time.monotonic())
        try:
            async with asyncio.timeout(self._timeout_s), self._seats:
                records = await self._gateway.look_up(transaction_id, observed_by)
        except TimeoutError:
            raise self._away() from None
        except Transient as error:
            logger.warning("gateway away", extra={"error": str(error)})
            raise self._away(error.retry_after_s) from None
        except ContractBroken as error:
            logger.error("gateway refuses us", extra={"error": str(error)})
            self._shut_until = time.monotonic() + _SHUT_FOR_S
            raise self._away(_SHUT_FOR_S) from None
        except SaldoError as error:
            logger.error("gateway answer unreadable", extra={"error": str(error)})
            raise Problem(
                502,
                "gateway-unreadable",
                "The gateway's answer about this transaction makes no sense.",
                FieldError(field, "nothing to do; the poll reads it again and an operator sees it"),
            ) from None
        if not records:
            raise Problem(
                422,
                "unknown-transaction",
                "The gateway knows no such transaction.",
                FieldError(
                    field, "an id that the gateway exports; a transaction too fresh for that is found by the poll"
                ),
            )
        return records

    def _away(self, asked_s: float | None = None) -> Problem:
        wait_s = max(self._retry_after_s, math.ceil(bounded_wait_s(asked_s, MOST_WAIT_S)))
        return away("gateway-away", "The gateway can't be asked now; the poll finds the transaction anyway.", wait_s)
