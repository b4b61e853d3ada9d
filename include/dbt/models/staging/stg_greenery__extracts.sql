with extracts as (
    select * from {{ source('landing', 'extracts') }}
),

build_lock as (
    select * from {{ source('landing', 'build_lock') }}
),

-- What a build is made of: everything admitted and the extract of the run that builds, or without it where the run
-- withdraws it.
final as (
    select
        extracts.extract_id,
        extracts.state,
        extracts.as_of,
        extracts.events_since
    from extracts
    left join build_lock on extracts.extract_id = build_lock.extract_id
    where
        (extracts.state = 'admitted' and build_lock.extract_id is null)
        or build_lock.withdrawal = ''
)

select * from final
