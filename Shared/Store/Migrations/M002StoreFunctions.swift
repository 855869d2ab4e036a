/// The calls that put events on the feed and read it for the fan-out (design: one function, one statement).
enum M002StoreFunctions {
    static let sql = """
        -- Postgres as the log: appending is storing. Store uses it too: that caller holds the progress rows it needs.
        -- Locks the head, and only then looks for duplicates: a look-up in the same statement as the head's update
        -- would see the old snapshot and store a key twice.
        -- p_skip: ordinals that the caller already knows are stored (records below `stored`), or null.
        create function fanfare.append_events_v1(
            p_parts int[], p_ids text[], p_tenants text[], p_types text[], p_smiths text[],
            p_created timestamptz[], p_keys bytea[], p_only text[], p_except text[], p_envelopes bytea[],
            p_window interval, p_skip int[],
            out o_first bigint, out o_version bigint, out o_duplicate_ords int[], out o_duplicate_ids text[],
            out o_recorded timestamptz
        ) language plpgsql volatile as $$
        declare
            v_head fanfare.feed_head;
            v_now timestamptz;
            v_left_out int[] := coalesce(p_skip, '{}');
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
                    only_endpoint, except_endpoint, envelope)
                select v_head.next_pos - 1 + t.ord, o_recorded, t.created, t.part, t.id, t.tenant, t.type, t.smith,
                    t.only_endpoint, t.except_endpoint, t.envelope
                from unnest(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_only, p_except, p_envelopes)
                    with ordinality as t(part, id, tenant, type, smith, created, only_endpoint, except_endpoint,
                        envelope, ord);
            else
                insert into fanfare.events (pos, recorded_at, created_at, part, event_id, tenant_id, type, smith_id,
                    only_endpoint, except_endpoint, envelope)
                select v_head.next_pos - 1 + row_number() over (order by t.ord), o_recorded, t.created, t.part, t.id,
                    t.tenant, t.type, t.smith, t.only_endpoint, t.except_endpoint, t.envelope
                from unnest(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_only, p_except, p_envelopes)
                    with ordinality as t(part, id, tenant, type, smith, created, only_endpoint, except_endpoint,
                        envelope, ord)
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

        -- Kafka: one call a consumed batch of any number of partitions. p_owned/p_epochs: every partition that the
        -- batch or p_fanned speaks of; p_next: the offset behind its last record in the batch (or null: not moved);
        -- p_fanned: where the fan-out stands, for all of p_owned (or null).
        -- o_refused: partitions whose epoch is not ours; when there is one, nothing was written.
        -- o_skipped: ordinals that were stored by an earlier call. o_gaps: partitions whose log lost records.
        create function fanfare.store_events_v1(
            p_topic text, p_owned int[], p_epochs bigint[], p_next bigint[], p_fanned bigint,
            p_parts int[], p_offsets bigint[], p_ids text[], p_tenants text[], p_types text[], p_smiths text[],
            p_created timestamptz[], p_keys bytea[], p_only text[], p_except text[], p_envelopes bytea[],
            p_window interval,
            out o_refused int[], out o_skipped int[], out o_gaps int[], out o_first bigint, out o_version bigint,
            out o_duplicate_ords int[], out o_duplicate_ids text[], out o_recorded timestamptz
        ) language plpgsql volatile as $$
        begin
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            select array_agg(o.part) into o_refused
            from unnest(p_owned, p_epochs) as o(part, epoch)
            left join fanfare.progress p on p.topic = p_topic and p.part = o.part
            where p.epoch is distinct from o.epoch;
            if o_refused is not null then return; end if;

            select array_agg(r.ord::int order by r.ord) into o_skipped
            from unnest(p_parts, p_offsets) with ordinality as r(part, log_offset, ord)
            join fanfare.progress p on p.topic = p_topic and p.part = r.part
            where r.log_offset < p.stored;
            select array_agg(f.part order by f.part) into o_gaps
            from (select r.part, min(r.log_offset) as first from unnest(p_parts, p_offsets) as r(part, log_offset)
                group by r.part) f
            join fanfare.progress p on p.topic = p_topic and p.part = f.part
            where f.first > p.stored and p.stored > 0;

            if cardinality(p_ids) > coalesce(cardinality(o_skipped), 0) then
                select i.o_first, i.o_version, i.o_duplicate_ords, i.o_duplicate_ids, i.o_recorded
                into o_first, o_version, o_duplicate_ords, o_duplicate_ids, o_recorded
                from fanfare.append_events_v1(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_keys,
                    p_only, p_except, p_envelopes, p_window, o_skipped) i;
            else
                select next_pos, config_version, last_recorded into o_first, o_version, o_recorded
                from fanfare.feed_head where shard = 0;
            end if;

            update fanfare.progress p
            set stored = greatest(p.stored, coalesce(o.next, 0)), fanned = greatest(p.fanned, coalesce(p_fanned, 0))
            from unnest(p_owned, p_next) as o(part, next)
            where p.topic = p_topic and p.part = o.part;
        end $$;

        -- Takes partitions: raises the epoch, so that whoever held them before writes nothing more, and returns where
        -- they stand.
        create function fanfare.take_partitions_v1(p_topic text, p_parts int[])
        returns table (part int, epoch bigint, stored bigint, fanned bigint, settled bigint)
        language plpgsql volatile as $$
        begin
            insert into fanfare.progress as p (topic, part) select p_topic, u from unnest(p_parts) u
            on conflict on constraint progress_pkey do nothing;
            perform 1 from fanfare.progress p where p.topic = p_topic and p.part = any (p_parts)
            order by p.topic, p.part for update;
            return query
                update fanfare.progress p set epoch = p.epoch + 1, batch = 0
                where p.topic = p_topic and p.part = any (p_parts)
                returning p.part, p.epoch, p.stored, p.fanned, p.settled;
        end $$;

        -- Records how far the fan-out got, for Kafka when no store call carries it. Refused parts as in store.
        create function fanfare.record_fanned_v1(p_topic text, p_owned int[], p_epochs bigint[], p_fanned bigint)
        returns int[] language plpgsql volatile as $$
        declare v_refused int[];
        begin
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            select array_agg(o.part) into v_refused
            from unnest(p_owned, p_epochs) as o(part, epoch)
            left join fanfare.progress p on p.topic = p_topic and p.part = o.part
            where p.epoch is distinct from o.epoch;
            if v_refused is null then
                update fanfare.progress set fanned = greatest(fanned, p_fanned)
                where topic = p_topic and part = any (p_owned);
            end if;
            return v_refused;
        end $$;
        """
}
