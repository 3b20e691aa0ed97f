"""Run a script that breaks before its k-th write, as a denied command or a killed server would.

`redis.call` is replaced in the body by a shim that counts the commands that write and stops the
script at one of them. Redis does not roll back: what was written before stays. The text of the
script is otherwise the one that ships.
"""

from __future__ import annotations

from typing import Any

import redis

from rediq_core.scripts.call import Call
from tests.support.servers import engine

WRITES = (
    *("HSET", "HDEL", "HSETNX", "HINCRBY", "HINCRBYFLOAT", "EXPIRE", "PERSIST", "RPUSH", "XADD"),
    *("DEL", "XDEL", "ZADD", "ZREM", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE"),
)
BROKEN = "broken before write"
_SHIM = """
local interrupted_writes, interrupting = {%s}, 0
local function interrupted_call(command, ...)
  if interrupted_writes[command] then
    interrupting = interrupting + 1
    if interrupting == %d then error('%s ' .. command) end
  end
  return redis.call(command, ...)
end
"""


def run_broken(client: redis.Redis, call: Call[Any], write: int) -> str | None:
    """Run a call's script, broken before its write number `write`, from 1.

    Returns:
        The command it broke at, or None if the script has fewer writes and ran to its end.
    """
    table = ",".join(f"{name}=true" for name in WRITES)
    shim = _SHIM % (table, write, BROKEN)
    shebang, _, body = call.script.body.partition("\n")
    if engine().version < (7, 0):
        shebang, body = "", call.script.legacy_body
    text = shebang + shim + body.replace("redis.call(", "interrupted_call(")
    try:
        client.eval(text, len(call.keys), *call.keys, *call.args)
    except redis.ResponseError as error:
        _, is_ours, command = str(error).partition(BROKEN)
        if not is_ours:
            raise
        return command.split()[0].rstrip(",")
    return None
