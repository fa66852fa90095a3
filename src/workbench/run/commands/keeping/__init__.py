"""Commands that keep the workbench running: schedules, kept runs, the doctor."""
