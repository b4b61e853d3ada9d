-- The ids of the selected sessions.
select session_id from selected
