/// What the audit says of a request that brought an event is written in the transaction that stores the event.
enum M020EventAudit {
    static let sql = """
        -- Rows of requests whose events are stored by the same call. a_ord: the event's ordinal in it; 0: it was known to be a
        -- duplicate. d_ords, d_ids: the events that the call found to be duplicates, with those that were kept.
        -- p_skip: numbers of rows that an earlier call has written, or null. Times in microseconds.
        create function fanfare.insert_event_audit_v1(
            d_ords int[], d_ids text[], p_skip int[],
            a_ord int[], a_tenant text[], a_channel text[], a_integration text[], a_event text[], a_type text[],
            a_started timestamptz[], a_total int[], a_status int[], a_headers_sha bytea[], a_payload_sha bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_dedupe text[], a_age int[], a_left_out int[]
        ) returns void language plpgsql volatile as $$
        begin
            insert into fanfare.webhook_audit (direction, attempt, tenant_id, channel, integration_id, event_id,
                event_type, started_at, total_ms, status, headers_sha256, payload_sha256, verdict, reason, source_ip,
                dedupe_key, age_s, left_out)
            select 'inbound', 1, t.c1, t.c2, t.c3, coalesce(d.id, t.c4), t.c5, t.c6, t.c7 / 1000::float8, t.c8, t.c9,
                t.c10, case when d.id is null then t.c11 else 'duplicate' end, t.c12, t.c13, t.c14, t.c15, t.c16
            from unnest(a_ord, a_tenant, a_channel, a_integration, a_event, a_type, a_started, a_total, a_status,
                    a_headers_sha, a_payload_sha, a_verdict, a_reason, a_source, a_dedupe, a_age, a_left_out)
                with ordinality as t(ord, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, n)
            left join unnest(d_ords, d_ids) as d(ord, id) on d.ord = t.ord
            where p_skip is null or not t.n = any (p_skip);
        end $$;

        -- Appends a batch in which some events were brought by requests that are in the audit, and writes their rows. The
        -- others go on using append_events_v1 and v2. p_traces: null where no event stands in a trace.
        create function fanfare.append_audited_v1(
            p_parts int[], p_ids text[], p_tenants text[], p_types text[], p_smiths text[],
            p_created timestamptz[], p_keys bytea[], p_only text[], p_except text[], p_envelopes bytea[],
            p_window interval, p_traces bytea[],
            a_ord int[], a_tenant text[], a_channel text[], a_integration text[], a_event text[], a_type text[],
            a_started timestamptz[], a_total int[], a_status int[], a_headers_sha bytea[], a_payload_sha bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_dedupe text[], a_age int[], a_left_out int[],
            out o_first bigint, out o_version bigint, out o_duplicate_ords int[], out o_duplicate_ids text[],
            out o_recorded timestamptz
        ) language plpgsql volatile as $$
        begin
            if p_traces is null then
                select i.o_first, i.o_version, i.o_duplicate_ords, i.o_duplicate_ids, i.o_recorded
                into o_first, o_version, o_duplicate_ords, o_duplicate_ids, o_recorded
                from fanfare.append_events_v1(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_keys, p_only,
                    p_except, p_envelopes, p_window, null) i;
            else
                select i.o_first, i.o_version, i.o_duplicate_ords, i.o_duplicate_ids, i.o_recorded
                into o_first, o_version, o_duplicate_ords, o_duplicate_ids, o_recorded
                from fanfare.append_events_v2(p_parts, p_ids, p_tenants, p_types, p_smiths, p_created, p_keys, p_only,
                    p_except, p_envelopes, p_window, p_traces) i;
            end if;
            perform fanfare.insert_event_audit_v1(o_duplicate_ords, o_duplicate_ids, null, a_ord, a_tenant, a_channel,
                a_integration, a_event, a_type, a_started, a_total, a_status, a_headers_sha, a_payload_sha, a_verdict,
                a_reason, a_source, a_dedupe, a_age, a_left_out);
        end $$;

        -- As store_events_v1 and v2, for a batch with such events. a_parts, a_offsets: where the rows' records lie; a row
        -- is written when its record is stored, and not when that is repeated.
        create function fanfare.store_audited_v1(
            p_topic text, p_owned int[], p_epochs bigint[], p_next bigint[], p_fanned bigint,
            p_parts int[], p_offsets bigint[], p_ids text[], p_tenants text[], p_types text[], p_smiths text[],
            p_created timestamptz[], p_keys bytea[], p_only text[], p_except text[], p_envelopes bytea[],
            p_window interval, p_traces bytea[],
            a_parts int[], a_offsets bigint[],
            a_ord int[], a_tenant text[], a_channel text[], a_integration text[], a_event text[], a_type text[],
            a_started timestamptz[], a_total int[], a_status int[], a_headers_sha bytea[], a_payload_sha bytea[],
            a_verdict text[], a_reason text[], a_source text[], a_dedupe text[], a_age int[], a_left_out int[],
            out o_refused int[], out o_skipped int[], out o_gaps int[], out o_first bigint, out o_version bigint,
            out o_duplicate_ords int[], out o_duplicate_ids text[], out o_recorded timestamptz
        ) language plpgsql volatile as $$
        declare
            v_skip int[];
        begin
            -- Under the locks that storing takes itself.
            perform 1 from fanfare.progress where topic = p_topic and part = any (p_owned)
            order by topic, part for update;
            select array_agg(a.n::int) into v_skip
            from unnest(a_parts, a_offsets) with ordinality as a(part, log_offset, n)
            join fanfare.progress p on p.topic = p_topic and p.part = a.part
            where a.log_offset < p.stored;
            if p_traces is null then
                select s.* into o_refused, o_skipped, o_gaps, o_first, o_version, o_duplicate_ords, o_duplicate_ids,
                    o_recorded
                from fanfare.store_events_v1(p_topic, p_owned, p_epochs, p_next, p_fanned, p_parts, p_offsets, p_ids,
                    p_tenants, p_types, p_smiths, p_created, p_keys, p_only, p_except, p_envelopes, p_window) s;
            else
                select s.* into o_refused, o_skipped, o_gaps, o_first, o_version, o_duplicate_ords, o_duplicate_ids,
                    o_recorded
                from fanfare.store_events_v2(p_topic, p_owned, p_epochs, p_next, p_fanned, p_parts, p_offsets, p_ids,
                    p_tenants, p_types, p_smiths, p_created, p_keys, p_only, p_except, p_envelopes, p_window, p_traces) s;
            end if;
            if o_refused is not null then return; end if;
            perform fanfare.insert_event_audit_v1(o_duplicate_ords, o_duplicate_ids, v_skip, a_ord, a_tenant, a_channel,
                a_integration, a_event, a_type, a_started, a_total, a_status, a_headers_sha, a_payload_sha, a_verdict,
                a_reason, a_source, a_dedupe, a_age, a_left_out);
        end $$;
        """
}
