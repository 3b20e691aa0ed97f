#!lua flags=no-writes,allow-stale
-- read_tasks: everything about these ids, at one instant.
-- KEYS tasks pending suspects held active claims delayed retry waiting completed cancelled dead trash
-- KEYS trashed runs tries progress cancels
-- ARGV now:ms
-- then the ids, at most 500
-- RETURNS [now, row, row …]; a row of lib/describe, or an empty one for an unknown id
-- MOVES none
--@include now
--@include place
--@include find
--@include describe
local rows = {now}
for i = 2, #ARGV do rows[i] = describe(ARGV[i]) or {} end
return rows
