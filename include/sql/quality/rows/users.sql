-- The users that the extract as of $as_of shows otherwise than the one before.
select
    landed.user_id,
    landed.created_at,
    landed.updated_at,
    case
        when landed.updated_at is null or landed.created_at > landed.updated_at then landed.created_at
        else landed.updated_at
    end as newest_at
from quality_week
inner join landing.users as landed on quality_week.extract_id = landed.extract_id
left join landing.users as previous_users
    on
        quality_week.previous_extract_id = previous_users.extract_id
        and landed.user_id = previous_users.user_id
        and landed.created_at is not distinct from previous_users.created_at
        and landed.updated_at is not distinct from previous_users.updated_at
where previous_users.user_id is null
