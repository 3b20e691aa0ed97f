"""The full-screen dashboard, `rediq dash`. Imported by the body of its command alone.

One direction, from Redis to the screen:

    source.read(Demand)  ->  Snapshot  ->  View.show(Scene)  ->  Pane.draw()  ->  changed lines
    (poller's thread)        (frozen)      (screens/)           (widgets/)        (terminal)

* `view_model` holds the frozen values that cross threads: `Demand` says what is looked at,
  `Snapshot` what was read for it, `Place` where a person is. `history`, `attention`, `figures` are
  plain functions over them. None of these imports Textual.
* `source.Source` answers "what does it look like now?". `RedisSource` asks an `Admin` that cannot
  write; a recording or fixed values for tests are other sources. `poller` is the only thread that
  waits for Redis; the latest reading wins.
* `app.Dash` holds place and snapshot and nothing else of importance; `stage.Stage`, below it, is
  layout, colours, header and footer; `chrome` says what these lines say.
* `keymap.KEYS` is the one table of keys: bindings, footer and help are made from it.
  `commands.WORDS` is the one table of `:` commands.

To add a widget: subclass `widgets.pane.Pane`, keep what it shows in fields, return lines of
`Span(text, role)` from `draw(width, height)`, call `redraw()` after a change. Only lines that
differ are sent. Text from outside goes through `lines.say` or `neutralise.safe`, never as markup.

To add a table: `widgets.table.Table(columns, key)`; a `Column` says what a cell shows, how wide it
is, and when it gives way. The cursor and the marks follow the key.

To add a view: subclass `screens.view.View`, set `name_of_view`, yield widgets in `compose`, say
what must be read in `demand`, show it in `show`, and name it in `ViewName`: its module and its
class are found by that name. What it alone needs is read by a function in `source.PARTS`, and
arrives as `snapshot.extra[name]`.

To add a key: a row in `keymap.KEYS`, an `action_NAME` method in the part of its scope. One that
changes something has `is_write`, and reaches Redis only through the operator's hands, which the app
does not have when it is read-only. To add a rule for "needs attention": a generator in
`attention`. Where everything stands on the screen: `styles/dash.tcss`, by breakpoint.
"""
