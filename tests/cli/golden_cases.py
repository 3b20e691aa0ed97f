"""The command lines whose output is kept byte by byte, by command.

Words in capitals stand for what `tests.support.shop` put there. What stands before `|` is stdin.
Each line of SHOWN is run as a table, as JSON and on a screen of 80 columns, a command's first line
in every format; each line of REFUSED as it stands. `tests.cli.test_goldens` demands that no command
of the tree is missing here.
"""

from __future__ import annotations

SHOWN: dict[str, tuple[str, ...]] = {
    "dash": (),  # a frame has no formats; its screens are kept in tests/dash
    "demo": (),  # see LIVE
    "queue list": ("queue list",),
    "queue inspect": (
        "queue inspect payment",
        "queue inspect shipping",
        "queue inspect notifications",
        "queue inspect retry:payment",
        "queue inspect dead:payment",
        "queue inspect active:payment",
        "queue inspect waiting:shipping",
        "queue inspect delayed:payment",
        "queue inspect completed:payment --limit 3",
        "queue inspect trash:payment",
        "queue inspect cancelled:payment",
    ),
    "queue pause": (
        "queue pause payment",
        'queue pause payment reports --reason "bank is down" --for 30m',
    ),
    "queue resume": ("queue resume shipping", "queue resume payment"),
    "queue limit": (
        "queue limit payment",
        "queue limit notifications",
        "queue limit payment --concurrency 3 --rate 100/m --aging 60s --max-len 5000",
        "queue limit notifications --reset",
    ),
    "queue flush": (
        "queue flush dead:payment",
        "queue flush payment --dry-run",
        "queue flush dead:payment --hard --confirm payment",
    ),
    "queue wait-empty": ("queue wait-empty empty", "queue wait-empty payment --timeout 1ms"),
    "queue delete": ("queue delete drained --confirm drained",),
    "task list": (
        "task list",
        "task list dead:payment",
        "task list retry error:Timeout*",
        "task list pending",
        "task list payment payload.order_id:20",
        "task list DEAD ACTIVE",
        "task list dead:payment --limit 1",
        "task list dead:reports",
        "DEAD DEAD2 | task list -",
    ),
    "task inspect": tuple(
        f"task inspect {name}"
        for name in (
            *("DEAD", "DONE", "ACTIVE", "RETRY", "WAITING", "LATER", "CANCELLED", "TRASHED"),
            *("UNROUTABLE", "PENDING", "FIRED"),
        )
    ),
    "task enqueue": (
        """task enqueue order:payment --queue payment --payload '{"order_id": 99}' --delay 5m""",
        "task enqueue order:email --queue notifications --unique-key mail:9 --on-duplicate return",
        '{"a": 1} | task enqueue order:payment --payload - --priority 0',
    ),
    "task result": ("task result DONE",),
    "task retry": (
        "task retry dead:payment cause:4f2a --yes",
        "task retry DEAD",
        "task retry dead --dry-run",
        "task retry DEAD PENDING",
        "DEAD DEAD2 | task retry -",
    ),
    "task run": ("task run delayed:payment --yes", "task run RETRY"),
    "task reschedule": ("task reschedule delayed:payment --delay 2h --yes",),
    "task cancel": (
        "task cancel pending:reports --yes",
        "task cancel ACTIVE",
        "task cancel ACTIVE --wait --timeout 1ms",
    ),
    "task delete": ("task delete DEAD", "task delete dead:payment --hard --confirm payment"),
    "task restore": ("task restore trash:payment --yes",),
    "task edit": (
        """task edit DEAD --payload '{"order_id": 3, "amount": "20.00"}'""",
        """task edit DEAD --payload '{"order_id": 3, "token": "s3cret"}' --dry-run""",
        """task edit DEAD --payload '{"order_id": 3}' --retry""",
        """task edit DEAD --payload '{"order_id": 3, "amount": "19.90"}'""",
    ),
    "task graph": ("task graph WAITING", "task graph ACTIVE"),
    "task export": ("task export dead:payment cause:4f2a", "task export DONE --save copy.jsonl"),
    "task import": (
        "task import tasks.jsonl --yes",
        "task import tasks.jsonl --dry-run",
        '{"type": "report:daily", "queue": "reports", "id": "r1"} | task import - --yes',
    ),
    "group list": ("group list", "group list payment"),
    "group inspect": ("group inspect notifications/order:sms/digest",),
    "group run": ("group run notifications/order:sms/digest",),
    "failures": ("failures", "failures reports"),
    "audit": ("audit", "audit --by bob --since 1h", "audit --by nobody"),
    "undo": ("undo", "undo OP"),
    "op list": ("op list",),
    "op inspect": ("op inspect FLUSH", "op inspect STOPPED"),
    "op resume": ("op resume STOPPED",),
    "schedule list": ("schedule list",),
    "schedule inspect": ("schedule inspect nightly", "schedule inspect hourly"),
    "schedule add": (
        "schedule add tidy '*/10 * * * * *' disk:tidy --queue reports --overlap allow",
        "schedule add nightly '0 3 * * *' report:daily --queue reports",
    ),
    "schedule run": ("schedule run nightly",),
    "schedule pause": ('schedule pause nightly --reason "bank is closed"',),
    "schedule resume": ("schedule resume hourly",),
    "schedule delete": ("schedule delete nightly --yes",),
    "schedule history": ("schedule history nightly", "schedule history hourly"),
    "why": (
        *("why payment", "why shipping", "why reports", "why video", "why empty"),
        *("why WAITING", "why RETRY", "why LATER", "why UNSERVED", "why UNROUTABLE", "why DONE"),
    ),
    "events": ("events", "events payment type:order:*", "events reports"),
    "doctor": ("doctor",),
    "check": ("check", "check payment --dead 1:2 --oldest 1m", "check empty"),
    "worker start": (),  # see LIVE
    "worker list": ("worker list",),
    "worker inspect": (
        "worker inspect web1",
        "worker inspect web2",
        "worker inspect web3",
    ),
    # One is paused, one runs and one has just stopped: they have done what they are told.
    "worker pause": ("worker pause web2", "worker pause web1 --timeout 1ms"),
    "worker resume": ("worker resume web1",),
    "worker stop": ("worker stop web4", "worker stop web1 --timeout 1ms"),
    "stats": ("stats --range 5m", "stats payment --range 3h"),
    "redis start": (),  # see LIVE
    "redis stop": (),
    "redis status": ("redis status",),
    "config init": ("config init new.toml",),
    "config show": (
        "config show -c shop.toml",
        "config show queues --origin -c shop.toml",
    ),
    "config set": ("config set worker.concurrency 20 -c shop.toml",),
    "config check": ("config check -c shop.toml", "config check -c wrong.toml"),
    "config acl": ("config acl", "config acl --role readonly"),
    "metrics": ("metrics",),
    "bench enqueue": (),  # see LIVE
    "bench drain": (),
    "bench latency": (),
}

REFUSED: dict[str, tuple[str, ...]] = {
    "dash": ("dash", "dash --interval 1"),
    "demo": ("demo --read-only", "demo --orders 0"),
    "queue list": ("queue list -o yaml", "queue list --json -o ids", "queue lst", "qeue list"),
    "queue inspect": (
        "queue inspect paymnt",
        "queue inspect",
        "queue inspect payment dead:payment",
        "queue inspect payment dead:payment --json",
    ),
    "queue pause": ("queue pause paymnt", "queue pause payment --for never", "queue pause"),
    "queue resume": ("queue resume paymnt",),
    "queue limit": (
        "queue limit paymnt",
        "queue limit payment --rate often",
        "queue limit payment --reset --rate 1/s",
    ),
    "queue flush": (
        "queue flush paymnt",
        "queue flush active:payment",
        "queue flush dead:payment --hard",
        "queue flush dead:payment --hard --yes",
        "queue flush dead:payment --hard --confirm paymnt",
    ),
    "queue wait-empty": ("queue wait-empty paymnt", "queue wait-empty payment --timeout soon"),
    "queue delete": (
        "queue delete drained",
        "queue delete drained --confirm empty",
        "queue delete payment --confirm payment",
    ),
    "task list": (
        "task list nosuch:term",
        "task list payment nosuch:term",
        "task list type:",
        "task list dead:paymnt",
        "task list --limit 0",
        "task list ZZZZZZ",
        "| task list -",
    ),
    "task inspect": ("task inspect ZZZZZZ", "task inspect X"),
    "task enqueue": (
        "task enqueue 'bad type' --queue payment",
        "task enqueue order:payment --queue payment --payload {",
        "task enqueue order:payment --queue payment --payload @nowhere.json",
        "task enqueue order:email --queue notifications --unique-key mail:9",
        "task enqueue order:payment --queue payment --at tomorrow",
        "task enqueue order:payment --queue payment --depends-on ZZZZZZ",
    ),
    "task result": ("task result DEAD", "task result ACTIVE", "task result CANCELLED"),
    "task retry": (
        "task retry payment",
        "task retry dead:payment cause:4f2a",
        "task retry pending:payment",
        "task retry LATER",
        "task retry nosuchtask",
        "task retry",
        "task retry dead:payment --rate fast",
    ),
    "task run": ("task run dead:payment", "task run DEAD", "task run delayed:payment"),
    "task reschedule": (
        "task reschedule delayed:payment --delay 2h",
        "task reschedule LATER",
        "task reschedule LATER --delay 1h --at 2027-01-15T10:00Z",
        "task reschedule LATER --at noon",
    ),
    "task cancel": ("task cancel DONE", "task cancel dead:payment", "task cancel pending:reports"),
    "task delete": (
        "task delete ACTIVE",
        "task delete dead --hard",
        "task delete all",
        "task delete dead:payment nosuch:1",
    ),
    "task restore": (
        "task restore DEAD",
        "task restore dead:payment",
        "task restore trash:payment",
    ),
    "task edit": ("task edit DEAD", "task edit ACTIVE --payload 1", "task edit DEAD --payload {"),
    "task graph": ("task graph ZZZZZZ",),
    "task export": ("task export dead:paymnt", "task export DEAD --save tasks.jsonl"),
    "task import": (
        "task import nowhere.jsonl",
        "task import tasks.jsonl",
        "nonsense | task import - --yes",
    ),
    "group list": ("group list paymnt",),
    "group inspect": ("group inspect notifications/order:sms/nosuch", "group inspect x"),
    "group run": ("group run notifications/order:sms/nosuch",),
    "failures": ("failures paymnt",),
    "audit": ("audit --since yesterday", "audit --limit 0"),
    "undo": ("undo op-00000000000000000000000", "undo CANCEL"),
    "op list": ("op list --limit 0",),
    "op inspect": ("op inspect op-00000000000000000000000",),
    "op resume": ("op resume FLUSH",),
    "schedule list": ("schedule lst",),
    "schedule inspect": ("schedule inspect nigthly",),
    "schedule add": (
        "schedule add bad '61 * * * *' report:daily --queue reports",
        "schedule add bad @daily report:daily --queue reports --timezone Mars/Base",
        "schedule add bad @daily report:daily --queue reports --misfire maybe",
    ),
    "schedule run": ("schedule run nigthly",),
    "schedule pause": ("schedule pause nigthly",),
    "schedule resume": ("schedule resume nigthly",),
    "schedule delete": ("schedule delete nightly", "schedule delete nigthly --yes"),
    "schedule history": ("schedule history nigthly",),
    "why": ("why paymnt", "why ZZZZZZ"),
    "events": ("events paymnt", "events nosuch:term"),
    "doctor": ("doctor --fix --read-only",),
    "check": ("check paymnt", "check --pending many"),
    "worker start": (
        "worker start no.such.module",
        "worker start -c nowhere.toml",
        "worker start -c wrong.toml",
        "worker start --concurrency 0",
    ),
    "worker list": ("worker lst",),
    "worker inspect": ("worker inspect wbe1", "worker inspect web"),
    "worker pause": ("worker pause wbe1", "worker pause web3"),
    "worker resume": ("worker resume wbe1",),
    "worker stop": ("worker stop wbe1", "worker stop web3"),
    "stats": ("stats paymnt", "stats --range 1s"),
    "redis start": ("redis start --read-only",),
    "redis stop": ("redis stop --read-only",),
    "redis status": (),
    "config init": ("config init shop.toml",),
    "config show": ("config show nosuch", "config show -c nowhere.toml"),
    "config set": (
        "config set worker.concurency 20 -c shop.toml",
        "config set worker.concurrency many -c shop.toml",
        "config set worker.concurrency 20 -c nowhere.toml",
    ),
    "config check": ("config check -c nowhere.toml",),
    "config acl": ("config acl --role boss",),
    "metrics": ("metrics --port 99999",),
    "bench enqueue": ("bench enqueue --tasks 0",),
    "bench drain": ("bench drain --read-only",),
    "bench latency": ("bench latency --read-only",),
}

# What these write are figures and logs of real work, so they run as processes of their own and all
# numbers in their golden files are N.
LIVE: dict[str, tuple[str, ...]] = {
    "demo": ("demo --orders 3 --seed golden",),
    "worker start": ("worker start handlers --burst",),
    "redis start": ("redis start",),
    "redis stop": ("redis stop",),
    "bench enqueue": ("bench enqueue --tasks 60",),
    "bench drain": ("bench drain --tasks 60",),
    "bench latency": ("bench latency --tasks 5",),
}

# These need no server, so that one which does not answer is nothing to them.
WITHOUT_SERVER = frozenset(
    (
        "dash",  # says when it tries again, which is drawn by lot; see test_dash
        *("demo", "redis start", "redis stop", "worker start"),
        *("config init", "config show", "config set", "config check", "config acl"),
    )
)
# What a command that is not in SHOWN is called with when no server answers.
UNREACHABLE = {
    "bench enqueue": "bench enqueue --tasks 1",
    "bench drain": "bench drain --tasks 1",
    "bench latency": "bench latency --tasks 1",
}
