/// Why an event went to a webhook or did not, what an endpoint has not acknowledged, and the audit as a whole. As in M007 each
/// reading function looks through a bounded number of rows, walks indexes, and is planned for each call where partitions
/// can be left out.
enum M015Insight {
    static let sql = """
        -- A tenant's webhooks in order of their ids behind p_after, deleted ones too, each with the revision in force at p_pos
        -- (none: it was made later). Ids are found by jumping from one to the next in the index.
        create function fanfare.trace_webhooks_v1(p_tenant text, p_pos bigint, p_after text, p_limit int)
        returns table (
            o_webhook text, o_version bigint, o_from bigint, o_status text, o_url text, o_events text[], o_filter text,
            o_now text
        ) language sql stable as $$
            with recursive ids as (
                (select r.webhook_id from fanfare.webhook_revisions r
                    where r.tenant_id = p_tenant and r.webhook_id > p_after order by r.webhook_id limit 1)
                union all
                select (select r.webhook_id from fanfare.webhook_revisions r
                    where r.tenant_id = p_tenant and r.webhook_id > ids.webhook_id order by r.webhook_id limit 1)
                from ids where ids.webhook_id is not null
            )
            select i.webhook_id, r.version, r.from_pos, r.status, coalesce(r.url, w.url, ''), r.events, r.filter,
                coalesce(w.status, 'deleted')
            from (select ids.webhook_id from ids where ids.webhook_id is not null limit p_limit) i
            left join lateral (select * from fanfare.webhook_revisions v
                where v.webhook_id = i.webhook_id and v.from_pos <= p_pos order by v.version desc limit 1) r on true
            left join fanfare.webhooks w on w.id = i.webhook_id
            order by i.webhook_id;
        $$;

        -- Attempts of an event at some webhooks, in order. p_deliveries: the ids of the live ones, which are found whatever
        -- else was sent; of what else begins with the event's bits at most p_most rows are looked at, and o_cut says so.
        -- Look-ups by delivery name nothing else that an index has: without statistics another one would look as good.
        create function fanfare.event_attempts_v1(
            p_tenant text, p_event text, p_webhooks text[], p_deliveries text[], p_most int
        ) returns table (o_cut boolean, o_row fanfare.webhook_audit)
        language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_rows bigint[];
            v_count bigint;
        begin
            execute $q$
                with near as materialized (
                    select a.seq, a.webhook_id from fanfare.webhook_audit a
                    where a.delivery_id >= 'dlv_' || substr($1, 5, 13) and a.delivery_id < 'dlv_' || substr($1, 5, 13) || '~'
                        and a.event_id = $1 limit $5 + 1
                ), live as (
                    select a.seq from unnest($4) d(id) cross join lateral (select x.seq from fanfare.webhook_audit x
                        where x.delivery_id = d.id limit 64) a
                )
                select (select array_agg(s.seq order by s.seq) from (
                        select near.seq from near where near.webhook_id = any ($3) union select live.seq from live) s),
                    (select count(*) from near)
                $q$
            into v_rows, v_count using p_event, p_tenant, p_webhooks, p_deliveries, p_most;
            return query select v_count > p_most, null::fanfare.webhook_audit;
            if v_rows is not null then
                return query execute 'select null::boolean, a from fanfare.webhook_audit a
                    where a.seq = any ($1) and a.seq between $2 and $3 and a.tenant_id = $4 order by a.seq'
                using v_rows, v_rows[1], v_rows[cardinality(v_rows)], p_tenant;
            end if;
        end $$;

        -- When the audit begins; null while nothing of it was ever dropped.
        create function fanfare.audit_begin_v1() returns timestamptz language plpgsql stable as $$
        begin
            if exists (select 1 from fanfare.partitions where parent = 'webhook_audit' and from_value = 0) then
                return null;
            end if;
            return coalesce((select started_at from fanfare.webhook_audit order by seq limit 1), now());
        end $$;

        -- A stretch of a tenant's feed as one webhook sees it: at most p_scan rows behind p_after, or from p_since on, and
        -- never what is older than the webhook, the feed or the audit. Events for one endpoint alone are no matter of it.
        -- The last row has no event: whether more follows, where the stretch ends when not, and the head.
        create function fanfare.webhook_window_v1(
            p_tenant text, p_webhook text, p_after bigint, p_since timestamptz, p_scan int
        ) returns table (
            o_pos bigint, o_event text, o_type text, o_recorded timestamptz, o_except text, o_edge bigint,
            o_more boolean, o_next bigint, o_oldest bigint, o_epoch int
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_head fanfare.feed_head;
            v_from bigint;
            v_begin timestamptz;
            v_count bigint;
        begin
            select * into v_head from fanfare.feed_head where shard = 0;
            select r.from_pos into v_from from fanfare.webhook_revisions r
            where r.webhook_id = p_webhook order by r.version limit 1;
            v_from := greatest(v_from, v_head.oldest_pos, p_after + 1);
            if p_after is null and p_since is not null then
                v_from := greatest(v_from, fanfare.pos_at_v1(p_since));
            end if;
            v_begin := fanfare.audit_begin_v1();
            if v_begin is not null then v_from := greatest(v_from, fanfare.pos_at_v1(v_begin)); end if;
            return query execute 'select e.pos, e.event_id, e.type, e.recorded_at, e.except_endpoint, null::bigint,
                    null::boolean, null::bigint, null::bigint, null::int from fanfare.events e
                where e.tenant_id = $1 and e.pos >= $2 and e.pos < $3 and e.only_endpoint is null
                order by e.pos limit $4'
            using p_tenant, v_from, v_head.next_pos, p_scan;
            get diagnostics v_count = row_count;
            return query select null::bigint, null::text, null::text, null::timestamptz, null::text,
                greatest(v_head.next_pos - 1, v_from - 1), v_count = p_scan, v_head.next_pos, v_head.oldest_pos, v_head.epoch;
        end $$;

        -- Which of some events an endpoint has not acknowledged: the first p_limit of them by their place in the list,
        -- each with the newest attempt, if there was one. p_deliveries: the ids of the live ones, looked up first, because
        -- that decides for nearly all.
        create function fanfare.unacknowledged_v1(
            p_tenant text, p_webhook text, p_events text[], p_deliveries text[], p_limit int
        ) returns table (o_ord int, o_row fanfare.webhook_audit)
        language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set enable_hashjoin = off
            set enable_mergejoin = off set jit = off as $$
        declare
            v_open int[];
            v_ord int;
            v_done boolean;
            v_last bigint;
            v_count int := 0;
            v_ords int[] := '{}';
            v_lasts bigint[] := '{}';
        begin
            select array_agg(d.ord::int order by d.ord) into v_open
            from unnest(p_deliveries) with ordinality d(id, ord)
            where not exists (select 1 from fanfare.webhook_audit a
                where a.delivery_id = d.id and a.verdict = 'delivered');
            if v_open is null then return; end if;
            foreach v_ord in array v_open loop
                select bool_or(a.verdict = 'delivered'), max(a.seq) into v_done, v_last
                from (select x.seq, x.verdict, x.webhook_id, x.tenant_id from fanfare.webhook_audit x
                    where x.delivery_id >= 'dlv_' || substr(p_events[v_ord], 5, 13)
                        and x.delivery_id < 'dlv_' || substr(p_events[v_ord], 5, 13) || '~'
                        and x.event_id = p_events[v_ord] offset 0) a
                where a.webhook_id = p_webhook and a.tenant_id = p_tenant;
                continue when v_done;
                v_ords := v_ords || v_ord;
                v_lasts := v_lasts || v_last;
                v_count := v_count + 1;
                exit when v_count = p_limit;
            end loop;
            return query execute 'select u.ord, a from unnest($1, $2) as u(ord, last)
                left join fanfare.webhook_audit a on a.seq = u.last order by u.ord'
            using v_ords, v_lasts;
        end $$;

        -- The last number that was given out. Rows with lower ones may still be uncommitted; they belong to transactions
        -- below the next one's id, which is asked for in a statement of its own.
        create function fanfare.audit_head_v1() returns bigint language sql volatile as $$
            select fanfare.next_value('webhook_audit') - 1;
        $$;

        -- The first row of the audit that began at p_time or later. Rows lie nearly in order of time, so this is near it.
        create function fanfare.audit_at_v1(p_time timestamptz) returns bigint language plpgsql stable as $$
        declare
            v_low bigint;
            v_high bigint;
            v_middle bigint;
            v_seq bigint;
            v_at timestamptz;
        begin
            select coalesce(min(p.from_value), 0) into v_low from fanfare.partitions p where p.parent = 'webhook_audit';
            v_high := fanfare.next_value('webhook_audit');
            while v_low < v_high loop
                v_middle := v_low + (v_high - v_low) / 2;
                execute 'select seq, started_at from fanfare.webhook_audit where seq >= $1 and seq < $2 order by seq limit 1'
                into v_seq, v_at using v_middle, v_high;
                if v_seq is null or v_at >= p_time then
                    v_high := v_middle;
                else
                    v_low := v_seq + 1;
                end if;
            end loop;
            return v_low;
        end $$;

        -- Rows of the audit in order of `seq`, in p_after < seq <= p_last: at most p_limit of them and from at most p_width
        -- numbers. The first row has no audit: how far this went. A tenant with few webhooks is read from its own ends of
        -- the index, whatever others wrote between; one with many by the key, p_narrow numbers at a time.
        create function fanfare.audit_export_v1(
            p_tenant text, p_direction text, p_webhook text, p_integration text, p_after bigint, p_last bigint,
            p_width bigint, p_narrow bigint, p_limit int
        ) returns table (o_edge bigint, o_row fanfare.webhook_audit)
        language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_to bigint;
            v_source text;
            v_webhooks text[];
            v_page bigint[];
        begin
            if p_webhook is not null then
                v_webhooks := array[p_webhook];
            elsif p_direction is distinct from 'inbound' and p_integration is null then
                select array_agg(w.id) into v_webhooks
                from (select distinct webhook_id as id from fanfare.webhook_revisions where tenant_id = p_tenant limit 301) w;
            end if;
            v_to := least(p_last, p_after
                + case when cardinality(v_webhooks) > 300 then least(p_width, p_narrow) else p_width end);
            if p_integration is not null then
                v_source := 'select a.seq from fanfare.webhook_audit a where a.tenant_id = $1 and a.integration_id = $2
                    and a.seq > $3 and a.seq <= $4 order by a.seq limit $5';
            elsif cardinality(v_webhooks) > 300 then
                v_source := 'select a.seq from (select x.seq, x.tenant_id from fanfare.webhook_audit x
                        where x.seq > $3 and x.seq <= $4 offset 0) a
                    where a.tenant_id = $1 order by a.seq limit $5';
            else
                v_source := 'select s.seq from unnest($6) w(id) cross join lateral (
                    select a.seq from fanfare.webhook_audit a where a.tenant_id = $1 and a.webhook_id = w.id
                        and a.seq > $3 and a.seq <= $4 order by a.seq limit $5) s';
                if p_webhook is null and p_direction is distinct from 'outbound' then
                    v_source := v_source || ' union all (select a.seq from fanfare.webhook_audit a where a.tenant_id = $1
                        and a.webhook_id is null and a.seq > $3 and a.seq <= $4 order by a.seq limit $5)';
                end if;
            end if;
            execute format('select array_agg(p.seq order by p.seq) from (
                select seq from (%s) s order by seq limit $5) p', v_source)
            into v_page using p_tenant, p_integration, p_after, v_to, p_limit, v_webhooks;
            if cardinality(v_page) = p_limit then v_to := v_page[p_limit]; end if;
            return query select v_to, null::fanfare.webhook_audit;
            if v_page is not null then
                return query execute 'select null::bigint, a from fanfare.webhook_audit a
                    where a.seq = any ($1) and a.seq between $2 and $3
                        and ($4::text is null or a.direction = $4) order by a.seq'
                using v_page, v_page[1], v_page[cardinality(v_page)], p_direction;
            end if;
        end $$;

        -- Begins the next partition of the audit when the one in use is older than p_age, so that one that fills slowly does
        -- not keep its rows for years. Numbers are left out: a caller that took one meanwhile still has a place for it,
        -- since this is left to others when the end is near.
        create function fanfare.roll_audit_v1(p_age interval) returns boolean language plpgsql volatile as $$
        declare
            v_part fanfare.partitions;
            v_first timestamptz;
        begin
            select * into v_part from fanfare.partitions p
            where p.parent = 'webhook_audit' and p.from_value <= fanfare.next_value('webhook_audit')
                and p.to_value > fanfare.next_value('webhook_audit') + 100000;
            if not found or not exists (select 1 from fanfare.partitions p
                where p.parent = 'webhook_audit' and p.from_value = v_part.to_value) then return false; end if;
            execute 'select started_at from fanfare.webhook_audit where seq >= $1 and seq < $2 order by seq limit 1'
            into v_first using v_part.from_value, v_part.to_value;
            if v_first is null or v_first > now() - p_age then return false; end if;
            perform setval('fanfare.webhook_audit_seq_seq', v_part.to_value - 1);
            return true;
        end $$;
        """
}
