"""Run the workbench: stages, flow, tracking and the command line."""
