/// What a cursor brings continues the trace that its event stands in, as what comes through a lane does; and what a log
/// brings keeps its trace on the feed.
enum M019CursorTraces {
    static let sql = """
        -- As cursor_page_v1, with each event's trace. Looked up by the primary key, row by row: a plan of another kind would
        -- stay in use when the table has grown.
        create function fanfare.cursor_page_v2(
            p_tenant text, p_endpoint text, p_after bigint, p_until bigint, p_families text[], p_smith text,
            p_limit int, p_bytes bigint, p_scan int
        ) returns table (
            o_pos bigint, o_part int, o_event text, o_type text, o_recorded timestamptz, o_envelope bytea,
            o_next bigint, o_oldest bigint, o_version bigint, o_edge bigint, o_trace bytea
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        begin
            return query select p.*, (select e.trace from fanfare.events e where e.pos = p.o_pos)
                from fanfare.cursor_page_v1(p_tenant, p_endpoint, p_after, p_until, p_families, p_smith, p_limit, p_bytes,
                    p_scan) p;
        end $$;

        create function fanfare.job_page_v2(
            p_job text, p_tenant text, p_endpoint text, p_after bigint, p_until bigint, p_families text[], p_smith text,
            p_limit int, p_bytes bigint, p_scan int
        ) returns table (
            o_pos bigint, o_part int, o_event text, o_type text, o_recorded timestamptz, o_envelope bytea,
            o_next bigint, o_oldest bigint, o_version bigint, o_edge bigint, o_trace bytea
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        begin
            return query select p.*, (select e.trace from fanfare.events e where e.pos = p.o_pos)
                from fanfare.job_page_v1(p_job, p_tenant, p_endpoint, p_after, p_until, p_families, p_smith, p_limit,
                    p_bytes, p_scan) p;
        end $$;

        -- As store_events_v1, for a batch in which some events stand in a trace; the others go on using that one. A batch of
        -- which an earlier call stored some loses its traces: that happens after a crash, and they are no reason to
        -- store slower.
        create function fanfare.store_events_v2(
            p_topic text, p_owned int[], p_epochs bigint[], p_next bigint[], p_fanned bigint,
            p_parts int[], p_offsets bigint[], p_ids text[], p_tenants text[], p_types text[], p_smiths text[],
            p_created timestamptz[], p_keys bytea[], p_only text[], p_except text[], p_envelopes bytea[],
            p_window interval, p_traces bytea[],
            out o_refused int[], out o_skipped int[], out o_gaps int[], out o_first bigint, out o_version bigint,
            out o_duplicate_ords int[], out o_duplicate_ids text[], out o_recorded timestamptz
        ) language plpgsql volatile as $$
        begin
            -- Under the locks that storing takes itself.
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            if exists (select 1 from unnest(p_owned, p_epochs) as o(part, epoch)
                left join fanfare.progress p on p.topic = p_topic and p.part = o.part
                where p.epoch is distinct from o.epoch)
                or exists (select 1 from unnest(p_parts, p_offsets) as r(part, log_offset)
                    join fanfare.progress p on p.topic = p_topic and p.part = r.part where r.log_offset < p.stored)
            then
                select s.* into o_refused, o_skipped, o_gaps, o_first, o_version, o_duplicate_ords, o_duplicate_ids,
                    o_recorded
                from fanfare.store_events_v1(p_topic, p_owned, p_epochs, p_next, p_fanned, p_parts, p_offsets, p_ids,
                    p_tenants, p_types, p_smiths, p_created, p_keys, p_only, p_except, p_envelopes, p_window) s;
                return;
            end if;
            select i.o_first, i.o_version, i.o_duplicate_ords, i.o_duplicate_ids, i.o_recorded
            into o_first, o_version, o_duplicate_ords, o_duplicate_ids, o_recorded
            from fanfare.append_events_v2(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_keys, p_only,
                p_except, p_envelopes, p_window, p_traces) i;
            select array_agg(f.part order by f.part) into o_gaps
            from (select r.part, min(r.log_offset) as first from unnest(p_parts, p_offsets) as r(part, log_offset)
                group by r.part) f
            join fanfare.progress p on p.topic = p_topic and p.part = f.part
            where f.first > p.stored and p.stored > 0;
            update fanfare.progress p
            set stored = greatest(p.stored, coalesce(o.next, 0)), fanned = greatest(p.fanned, coalesce(p_fanned, 0))
            from unnest(p_owned, p_next) as o(part, next)
            where p.topic = p_topic and p.part = o.part;
        end $$;
        """
}
