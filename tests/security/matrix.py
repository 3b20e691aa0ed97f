"""The security matrix: each threat, and the tests that hold Rediq against it.

`test_matrix` checks that every test named here exists, and that docs/security.md has every threat.
"""

from __future__ import annotations

from typing import NamedTuple


class Threat(NamedTuple):
    """A threat, what holds against it, and "file::test" of what shows that."""

    name: str
    rule: str
    tests: tuple[str, ...]


MATRIX = {
    "X1": Threat(
        "A payload runs code when it is read",
        "Payloads are strict JSON with a size and a depth; nothing is unpickled or evaluated",
        (
            "security/test_payloads.py::test_what_other_queues_would_run_is_refused",
            "unit/test_handlers_payloads.py::test_bytes_that_are_not_strict_json_are_refused",
            "unit/test_model_codec.py::test_what_is_too_deep_to_be_read_is_not_written",
            "architecture/test_sources.py::test_data_is_never_run_as_code",
        ),
    ),
    "X2": Threat(
        "A configuration or a task names code to import",
        "Only a configuration that others cannot write names modules; types are looked up",
        (
            "security/test_payloads.py::test_a_type_is_looked_up_and_never_imported",
            "unit/test_handlers_loading.py::test_what_is_no_path_is_not_imported",
            "unit/test_config_files.py::test_a_file_that_everybody_may_write_is_refused",
            "unit/test_config_files.py::test_a_library_looks_at_no_file_that_was_not_named",
        ),
    ),
    "X3": Threat(
        "A password in a URL shows somewhere",
        "One redaction for results, errors, logs and reprs; URLs are parsed by us",
        (
            "cli/test_canary.py::test_a_url_in_any_other_place_shows_no_password",
            "cli/test_canary.py::test_the_log_of_a_worker_shows_no_password",
            "cli/test_canary.py::test_the_bytes_of_a_terminal_hold_no_password",
            "unit/test_config_server.py"
            "::test_a_password_on_the_command_line_is_warned_about_and_not_shown",
        ),
    ),
    "X4": Threat(
        "A traceback shows variables",
        "Tracebacks have no locals, and --debug has none either",
        (
            "cli/test_canary.py::test_a_server_that_is_reached_shows_no_password",
            "unit/test_config_loader.py::test_a_password_from_the_environment_is_not_in_any_repr",
        ),
    ),
    "X5": Threat(
        "An error or a log quotes a payload",
        "Errors of Rediq and of the server are said in our words, without arguments",
        (
            "security/test_payloads.py::test_no_log_and_no_error_quotes_a_payload",
            "unit/test_model_codec.py::test_errors_do_not_quote_the_payload",
            "unit/test_handlers_payloads.py::test_rules_that_quote_the_value_are_said_without_it",
        ),
    ),
    "X6": Threat(
        "Somebody stands between client and server",
        "Certificate and host name are checked; a URL alone cannot switch that off",
        (
            "contract/test_connection_tls.py::test_a_certificate_of_a_known_authority_is_accepted",
            "contract/test_connection_tls.py::test_any_other_certificate_is_refused_at_once",
            "contract/test_connection_tls.py"
            "::test_our_own_certificate_is_shown_to_a_server_that_asks",
            "contract/test_connection_tls.py::test_tls_to_a_plain_port_asks_whether_the_port_is_tls",
            "contract/test_connection_tls.py::test_a_plain_client_of_a_tls_port_is_told_of_rediss",
            "unit/test_connection_topology.py"
            "::test_checks_switched_off_in_the_url_need_the_option_that_says_so",
        ),
    ),
    "X7": Threat(
        "A stolen password of a part can do everything",
        "A Redis user for each role, made from what the scripts send",
        (
            "contract/test_admin_acl.py::test_a_worker_runs_tasks_and_beats",
            "contract/test_admin_acl.py"
            "::test_an_onlooker_changes_nothing_and_is_told_what_is_denied",
            "contract/test_admin_acl.py::test_no_role_reads_other_keys_settings_or_passwords",
        ),
    ),
    "X8": Threat(
        "The port for metrics is reached from outside, or held up",
        "It listens on 127.0.0.1 unless told otherwise, reads little and waits 5 s",
        (
            "security/test_port.py::test_it_listens_on_the_loopback_alone",
            "security/test_port.py::test_who_sends_nothing_or_too_much_is_cut_off",
        ),
    ),
    "X9": Threat(
        "Data acts on the terminal of a command",
        "Every text from outside passes one function before it is printed",
        (
            "cli/test_hostile.py::test_no_command_prints_a_character_that_acts",
            "cli/test_hostile.py::test_the_bytes_of_all_commands_that_reach_a_terminal",
            "unit/test_output_neutralise.py"
            "::test_no_single_character_survives_that_acts_on_a_terminal",
        ),
    ),
    "X10": Threat(
        "Data acts on the terminal of the dashboard",
        "The same function before any view",
        (
            "dash/test_frames.py::test_overview_fits_and_holds_nothing_that_acts",
            "dash/test_record.py::test_a_hostile_file_cannot_act_on_a_terminal",
        ),
    ),
    "X11": Threat(
        "Brackets in data are taken for markup and end the dashboard",
        "Views are made of styled text, never of markup",
        (
            "security/test_payloads.py::test_no_view_formats_data_into_markup",
            "dash/test_frames.py::test_overview_fits_and_holds_nothing_that_acts",
        ),
    ),
    "X12": Threat(
        "JSON output carries characters that act",
        "JSON is written in ASCII",
        ("unit/test_output_formats.py::test_json_is_ascii_and_gives_the_text_back",),
    ),
    "X13": Threat(
        "A table or the clipboard takes a formula or an order",
        "No CSV is offered; nothing from data reaches the clipboard's escape",
        ("security/test_payloads.py::test_no_csv_is_offered",),
    ),
    "X14": Threat(
        "A value becomes part of a script",
        "Scripts are constant; values come as KEYS and ARGV",
        (
            "scripts/test_commands.py::test_the_server_learns_no_script_but_these",
            "scripts/test_commands.py::test_no_script_runs_or_rewrites_data",
        ),
    ),
    "X15": Threat(
        "A name leads to another key or another slot",
        "Names have an alphabet; what users choose is a member, never a key",
        (
            "unit/test_names.py::test_exactly_the_alphabet_and_length_are_accepted",
            "unit/test_connection_router.py::test_all_keys_of_a_queue_share_a_slot",
            "scripts/test_keys.py::test_no_script_derives_a_key",
            "scripts/test_keys.py::test_a_script_touches_no_key_of_another_queue_or_namespace",
        ),
    ),
    "X16": Threat(
        "Data writes lines of its own into a log",
        "A record is one line, and JSON off a terminal",
        ("security/test_logs.py::test_no_record_breaks_its_line",),
    ),
    "X17": Threat(
        "A huge error fills Redis",
        "Messages and tracebacks are cut before they are sent",
        (
            "unit/test_handlers_outcomes.py"
            "::test_a_message_of_50_megabytes_is_kept_small_in_no_time",
            "unit/test_handlers_outcomes.py::test_a_long_traceback_is_cut_in_the_middle",
        ),
    ),
    "X18": Threat(
        "Names from data make metrics without end",
        "Labels are bounded: what is over becomes `other`",
        ("security/test_port.py::test_ten_thousand_types_make_few_series",),
    ),
    "X19": Threat(
        "Nobody knows who did it",
        "The audit entry is written by the script that does the deed",
        (
            "contract/test_admin_books.py::test_the_audit_has_every_write_latest_first",
            "contract/test_admin_acts.py::test_every_act_is_in_the_audit_under_its_operation",
        ),
    ),
    "X20": Threat(
        "A slip of the hand deletes",
        "Asked or --yes, --dry-run, undo for a day, read-only sessions",
        (
            "cli/test_read_only.py::test_the_flag_refuses_each_command_that_changes_something",
            "cli/test_read_only.py::test_a_protected_profile_asks_where_others_do_not",
            "cli/test_operations.py::test_a_flush_is_taken_back_by_the_command_it_prints",
        ),
    ),
    "X21": Threat(
        "A stray .env decides",
        "Read only beside a named configuration, and only if others cannot touch it",
        (
            "unit/test_config_files.py"
            "::test_an_env_file_without_a_configuration_beside_it_is_not_read",
            "unit/test_config_files.py"
            "::test_an_env_file_that_others_may_touch_is_skipped_and_said_so",
        ),
    ),
    "X22": Threat(
        "Others of the machine reach the embedded server",
        "A socket in a directory of its owner alone, and no port",
        (
            "unit/test_embedded.py"
            "::test_nothing_is_readable_by_others_and_nothing_listens_on_a_port",
            "unit/test_embedded.py::test_a_socket_in_an_open_directory_is_not_trusted",
        ),
    ),
    "X23": Threat(
        "A client's name breaks the connection",
        "Names of clients are made of safe characters",
        ("contract/test_connection_async.py::test_database_and_client_name_are_set",),
    ),
    "X24": Threat(
        "What handlers return or report is too large, or acts when shown",
        "The same bounds and JSON; untrusted wherever it is shown",
        (
            "unit/test_handlers_payloads.py::test_a_result_over_its_limit_says_its_size",
            "unit/test_handlers_context.py"
            "::test_progress_is_moved_into_its_range_and_its_message_cut",
            "scripts/test_progress.py::test_long_words_are_cut",
        ),
    ),
    "X25": Threat(
        "A dependency is swapped",
        "Few of them, locked with hashes",
        ("architecture/test_packaging.py::test_every_requirement_is_locked_and_the_locks_agree",),
    ),
    "X26": Threat(
        "Somebody can write to Redis",
        "Not prevented, but contained: types are looked up, sizes bounded, no code is loaded",
        (
            "contract/test_admin_hostile.py::test_a_damaged_header_is_shown_and_not_raised",
            "security/test_payloads.py::test_a_type_is_looked_up_and_never_imported",
            "scripts/test_exchange_settle.py::test_a_damaged_task_does_not_stop_the_others",
        ),
    ),
}
