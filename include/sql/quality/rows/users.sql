-- The users that the extract as of $as_of shows otherwise than the one before.
select
    users.user_id,
    users.created_at,
    users.updated_at,
    case when users.updated_at is null or users.created_at > users.updated_at then users.created_at else users.updated_at end
        as newest_at
from quality_week
inner join landing.users as users on quality_week.extract_id = users.extract_id
left join landing.users as previous_users
    on
        quality_week.previous_extract_id = previous_users.extract_id
        and users.user_id = previous_users.user_id
        and users.created_at is not distinct from previous_users.created_at
        and users.updated_at is not distinct from previous_users.updated_at
where previous_users.user_id is null
