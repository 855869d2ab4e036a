/// What a cursor brings continues the trace that its event stands in, as what comes through a lane does.
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
        """
}
