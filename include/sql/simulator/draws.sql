-- Randomness is the md5 of seed, kind and key, which is also the row's id. It depends on neither threads nor the
-- order of rows, as random() does, nor on DuckDB's version, as hash() does, and a row keeps its draws however many
-- weeks are simulated; a generator such as splitmix needs arithmetic that wraps around, where DuckDB raises. An md5
-- holds four draws of 32 bits, each used for one thing only. Draws meet only + - * / and floor: the last digit of pow,
-- exp or ln differs between machines.
create macro make_id(kind, key) as md5_number((getvariable('seed') || '/' || kind || '/') || key)::uuid;
create macro draw(id, n) as ((id::uhugeint >> (32 * n)::uhugeint) & 4294967295)::double / 4294967296;
create macro draw_integer(id, n, choices) as floor(draw(id, n) * choices)::integer;
create macro draw_from(id, n, choices) as choices[1 + draw_integer(id, n, len(choices))];
create macro draw_delay_days(id, n, share) as if(draw(id, n) < share, 3 + floor(draw(id, n) / share * 18), 0)::integer;
