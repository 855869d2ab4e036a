/// Where an event stands in a trace (W3C Trace Context), for those that came with one.
enum M016Traces {
    static let sql = """
        -- 25 bytes: trace, span, flags. Null costs a bit in the row's head, and adding the column writes nothing.
        alter table fanfare.events add column trace bytea;

        -- As append_events_v1, for a batch in which some events stand in a trace; the others go on using that one.
        create function fanfare.append_events_v2(
            p_parts int[], p_ids text[], p_tenants text[], p_types text[], p_smiths text[],
            p_created timestamptz[], p_keys bytea[], p_only text[], p_except text[], p_envelopes bytea[],
            p_window interval, p_traces bytea[],
            out o_first bigint, out o_version bigint, out o_duplicate_ords int[], out o_duplicate_ids text[],
            out o_recorded timestamptz
        ) language plpgsql volatile as $$
        declare
            v_head fanfare.feed_head;
            v_now timestamptz;
            v_left_out int[] := '{}';
            v_count int := cardinality(p_ids);
            v_keyed boolean;
        begin
            select * into v_head from fanfare.feed_head where shard = 0 for update;
            v_now := clock_timestamp();
            select v_now + least(greatest(max(c) - v_now, interval '0'), interval '5 seconds') into o_recorded
            from unnest(p_created) c;
            o_recorded := greatest(v_head.last_recorded, coalesce(o_recorded, v_now));
            o_first := v_head.next_pos;
            o_version := v_head.config_version;

            v_keyed := exists (select 1 from unnest(p_keys) k where k is not null);
            if v_keyed then
                with keyed as (
                    select k.ord::int as ord, k.key,
                        first_value(k.ord::int) over (partition by k.key order by k.ord) as first_ord
                    from unnest(p_keys) with ordinality as k(key, ord)
                    where k.key is not null and not k.ord = any (v_left_out)
                ), judged as (
                    select keyed.ord, keyed.first_ord, known.event_id
                    from keyed left join lateral (
                        select d.event_id from fanfare.dedupe d
                        -- the upper bound is above every row there is, and leaves out the generations of days to come
                        where d.key_hash = keyed.key and d.stored_at > v_now - p_window
                            and d.stored_at <= o_recorded
                        order by d.stored_at desc limit 1
                    ) known on true
                )
                select array_agg(ord order by ord), array_agg(coalesce(event_id, p_ids[first_ord]) order by ord)
                into o_duplicate_ords, o_duplicate_ids
                from judged where event_id is not null or ord <> first_ord;
                v_left_out := v_left_out || coalesce(o_duplicate_ords, '{}');
            end if;

            if cardinality(v_left_out) = 0 then
                insert into fanfare.events (pos, recorded_at, created_at, part, event_id, tenant_id, type, smith_id,
                    only_endpoint, except_endpoint, envelope, trace)
                select v_head.next_pos - 1 + t.ord, o_recorded, t.created, t.part, t.id, t.tenant, t.type, t.smith,
                    t.only_endpoint, t.except_endpoint, t.envelope, t.trace
                from unnest(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_only, p_except, p_envelopes,
                    p_traces)
                    with ordinality as t(part, id, tenant, type, smith, created, only_endpoint, except_endpoint,
                        envelope, trace, ord);
            else
                insert into fanfare.events (pos, recorded_at, created_at, part, event_id, tenant_id, type, smith_id,
                    only_endpoint, except_endpoint, envelope, trace)
                select v_head.next_pos - 1 + row_number() over (order by t.ord), o_recorded, t.created, t.part, t.id,
                    t.tenant, t.type, t.smith, t.only_endpoint, t.except_endpoint, t.envelope, t.trace
                from unnest(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_only, p_except, p_envelopes,
                    p_traces)
                    with ordinality as t(part, id, tenant, type, smith, created, only_endpoint, except_endpoint,
                        envelope, trace, ord)
                where not t.ord = any (v_left_out);
                get diagnostics v_count = row_count;
            end if;

            if v_keyed then
                insert into fanfare.dedupe (stored_at, key_hash, event_id)
                select v_now, k.key, p_ids[k.ord] from unnest(p_keys) with ordinality as k(key, ord)
                where k.key is not null and not k.ord = any (v_left_out);
                insert into fanfare.event_aliases (alias_id, event_id)
                select p_ids[d.ord], d.id from unnest(o_duplicate_ords, o_duplicate_ids) as d(ord, id)
                where p_ids[d.ord] <> d.id
                on conflict (alias_id) do nothing;
            end if;

            update fanfare.feed_head set next_pos = next_pos + v_count, last_recorded = o_recorded where shard = 0;
        end $$;
        """
}
