"""Help on what is common to all commands: `rediq help TOPIC`."""

from __future__ import annotations

TOPICS = {
    "exit-codes": """\
Exit codes, the same for every command:
  0    done
  1    failed, for some or for all
  2    the command line or the configuration is wrong
  3    not found
  4    Redis cannot be reached, or refused the credentials
  5    refused: not confirmed, read-only, protected, or denied by Redis
  6    timed out, or a check found something
  130  interrupted""",
    "environment": """\
Environment variables. A flag goes before them, they go before the configuration file.
  REDIQ_URL, REDIS_URL    the Redis server
  REDIQ_CONFIG            the configuration file
  REDIQ_PROFILE           a named server of the configuration
  REDIQ_READ_ONLY=1       refuse everything that would change something
  REDIQ_HOME              where the embedded server keeps its data
  REDIQ_SERVER_BIN        the server program that is embedded
  REDIQ_<SECTION>_<KEY>   any setting of [redis], [worker] and [metrics]
  NO_COLOR, REDIQ_NO_COLOR, FORCE_COLOR    colour off, off, on
  REDIQ_PAGER, PAGER      shows what is taller than the screen; "cat" turns it off""",
    "output": """\
Output: results on stdout, talk on stderr.
  -o table   for people; cut to the width of the screen, whole in a pipe
  -o wide    the same with more columns
  -o json    one array or object; fields are only ever added
  -o jsonl   one object a line
  -o ids     names or ids alone, one a line
In JSON, times are ISO-8601 UTC, durations are numbers whose field ends in _ms or _s, and all
text is ASCII with escapes. In tables, control and invisible characters of data are shown as
symbols, so that no task can act on your terminal.""",
    "where": """\
WHERE picks tasks: ids, or one selector, then terms that all have to hold.
  payment                       the queue; for flush, its pending tasks
  dead:payment                  one state of a queue
  dead                          one state of all queues
  all:payment, all              every state
  01KG7Q...,  8VX2QZ            ids, or at least 6 characters of their end
Terms. Values may hold * and ?, and need no quotes where the shell leaves these alone.
  type:order:*                  the task's type
  error:timeout                 anywhere in the last error
  cause:4f2a                    fingerprint of the last error, as `task inspect` shows it
  payload.user.id:7             a field of the payload; lists are searched through
  extra.tenant:acme             a header
  worker:host-1-*  group:daily  who runs it, what it is collected in
  older:1h  newer:10m           since when it is in its state
  attempts:3  attempts:3+       finished runs
  text:acme  acme               anywhere in id, type, error and payload
An unknown key or an empty value is refused; it never means "everything".""",
}
