"""The folder of a week, and the list of weeks."""
