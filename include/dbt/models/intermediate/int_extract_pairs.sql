select
    as_of,
    extract_id,
    events_since,
    previous_as_of,
    previous_extract_id,
    pair_id
from {{ source('landing', 'build') }}
