"""The lock of the run that builds, the target of its build, and the results of dbt's tests."""
