-- The number of sessions that are both in the selection and in the other one.
select count(*) as sessions
from selected
inner join other on selected.session_number = other.session_number
