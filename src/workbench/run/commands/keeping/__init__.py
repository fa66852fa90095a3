"""Commands that keep the workbench running: schedules, kept runs, retention, the doctor."""
