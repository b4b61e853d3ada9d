-- The day of the first session known; null where there is none.
select cast(min(started_at) as date) as first_day from sessions
