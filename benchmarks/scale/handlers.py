"""The handler that fills queues with dead tasks: three causes in turn, no second attempt."""

from rediq_core import Context, Mux, Permanent

mux = Mux()


@mux.handler("charge", max_retry=0)
async def charge(_: Context, payload: dict[str, int]) -> None:
    match payload["n"] % 3:
        case 0:
            raise Permanent("card declined")
        case 1:
            raise TimeoutError("bank did not answer")
        case _:
            raise ValueError("amount is negative")
