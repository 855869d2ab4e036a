extension M014Endpoints {
    /// How endpoints are: what their owners know of them, when they are given up, and what is told of them.
    static let health = """
        -- What the owner of an endpoint's lane knows of it, some seconds late. `epoch` is that of the lane: a late owner
        -- writes nothing over what its successor wrote.
        create table fanfare.endpoint_states (
            webhook_id text collate "C" primary key references fanfare.webhooks on delete cascade,
            epoch bigint not null,
            open_since timestamptz,
            probe_at timestamptz,
            in_flight int not null default 0,
            waiting int not null default 0,
            -- when the oldest event that the owner holds was put on the feed
            oldest_at timestamptz,
            -- since the last success
            failures bigint not null default 0,
            failing_since timestamptz,
            last_success_at timestamptz,
            last_failure_at timestamptz,
            last_error text,
            -- that no event has told of yet
            dead_letters bigint not null default 0,
            dead_since timestamptz,
            told_dead_at timestamptz,
            told_recovered_at timestamptz,
            observed_at timestamptz not null
        ) with (fillfactor = 50);
        create index endpoint_states_dead on fanfare.endpoint_states (told_dead_at) where dead_letters > 0;

        -- Operational events on their way to the log: told by the same call that makes them true, put on the feed by
        -- whichever feed process is first, under a key, and removed then.
        create table fanfare.endpoint_events (
            id bigint generated always as identity primary key,
            tenant_id text collate "C" not null,
            webhook_id text collate "C" not null,
            type text collate "C" not null,
            data text not null,
            made_at timestamptz not null
        );

        create function fanfare.utc_v1(p_time timestamptz) returns text language sql immutable as $$
            select to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        $$;

        create function fanfare.tell_of_endpoint_v1(p_id text, p_type text, p_now timestamptz, p_data jsonb) returns void
        language sql volatile as $$
            insert into fanfare.endpoint_events (tenant_id, webhook_id, type, data, made_at)
            select w.tenant_id, w.id, p_type,
                (jsonb_build_object('webhook_id', w.id, 'url', w.url) || jsonb_strip_nulls(p_data))::text, p_now
            from fanfare.webhooks w where w.id = p_id
        $$;

        -- As version 1, and tells of it.
        create function fanfare.disable_webhook_v2(p_id text, p_reason text, p_now timestamptz) returns boolean
        language plpgsql volatile as $$
        begin
            if not fanfare.disable_webhook_v1(p_id, p_reason) then return false; end if;
            perform fanfare.tell_of_endpoint_v1(p_id, 'endpoint.disabled', p_now,
                (select jsonb_build_object('reason', p_reason, 'failures', s.failures, 'failing_since', fanfare.utc_v1(s.failing_since),
                    'last_error', s.last_error)
                from (select 1) one left join fanfare.endpoint_states s on s.webhook_id = p_id));
            return true;
        end $$;

        -- What owners saw since their last call, an entry an endpoint. p_failures counts since p_success, or since the
        -- last call where there was none. Answers the endpoints that have failed p_least times and for p_period without a
        -- success: they are disabled. At most one event of a kind and endpoint in p_pause.
        create function fanfare.note_endpoints_v1(
            p_now timestamptz, p_ids text[], p_epochs bigint[], p_open timestamptz[], p_probe timestamptz[],
            p_in_flight int[], p_waiting int[], p_oldest timestamptz[], p_success timestamptz[], p_failures bigint[],
            p_first timestamptz[], p_last timestamptz[], p_errors text[], p_dead bigint[],
            p_least bigint, p_period interval, p_pause interval
        ) returns setof text language plpgsql volatile as $$
        declare
            v fanfare.endpoint_states;
            v_was fanfare.endpoint_states;
            v_id text;
        begin
            for i in 1 .. cardinality(p_ids) loop
                select * into v_was from fanfare.endpoint_states where webhook_id = p_ids[i] for update;
                continue when found and v_was.epoch > p_epochs[i];
                insert into fanfare.endpoint_states as s (webhook_id, epoch, open_since, probe_at, in_flight, waiting,
                    oldest_at, failures, failing_since, last_success_at, last_failure_at, last_error, dead_letters,
                    dead_since, observed_at)
                select w.id, p_epochs[i], p_open[i], p_probe[i], p_in_flight[i], p_waiting[i], p_oldest[i],
                    p_failures[i], p_first[i], p_success[i], p_last[i], p_errors[i], p_dead[i],
                    case when p_dead[i] > 0 then p_now end, p_now
                from fanfare.webhooks w where w.id = p_ids[i]
                on conflict (webhook_id) do update set
                    epoch = excluded.epoch, open_since = excluded.open_since, probe_at = excluded.probe_at,
                    in_flight = excluded.in_flight, waiting = excluded.waiting, oldest_at = excluded.oldest_at,
                    failures = excluded.failures
                        + case when excluded.last_success_at is null then s.failures else 0 end,
                    failing_since = case when excluded.last_success_at is null
                        then coalesce(s.failing_since, excluded.failing_since) else excluded.failing_since end,
                    last_success_at = coalesce(excluded.last_success_at, s.last_success_at),
                    last_failure_at = coalesce(excluded.last_failure_at, s.last_failure_at),
                    last_error = coalesce(excluded.last_error, s.last_error),
                    dead_letters = s.dead_letters + excluded.dead_letters,
                    dead_since = coalesce(s.dead_since, excluded.dead_since),
                    observed_at = excluded.observed_at
                returning * into v;
                continue when not found;
                if v_was.open_since is not null and v.open_since is null and p_success[i] is not null
                    and coalesce(v_was.told_recovered_at <= p_now - p_pause, true) then
                    perform fanfare.tell_of_endpoint_v1(v.webhook_id, 'endpoint.recovered', p_now, jsonb_build_object(
                        'failures', v_was.failures, 'failing_since', fanfare.utc_v1(v_was.failing_since),
                        'open_since', fanfare.utc_v1(v_was.open_since),
                        'last_error', v_was.last_error));
                    update fanfare.endpoint_states set told_recovered_at = p_now where webhook_id = v.webhook_id;
                end if;
                if v.failures >= p_least and v.failing_since <= p_now - p_period
                    and fanfare.disable_webhook_v2(v.webhook_id, 'failing', p_now) then
                    return next v.webhook_id;
                end if;
            end loop;
            -- also what an earlier call had to keep to itself
            for v in select * from fanfare.endpoint_states
                where dead_letters > 0 and coalesce(told_dead_at <= p_now - p_pause, true)
                order by told_dead_at nulls first limit 100 for update skip locked
            loop
                perform fanfare.tell_of_endpoint_v1(v.webhook_id, 'endpoint.dead_lettered', p_now, jsonb_build_object(
                    'dead_letters', v.dead_letters, 'since', fanfare.utc_v1(v.dead_since), 'last_error', v.last_error));
                update fanfare.endpoint_states set dead_letters = 0, dead_since = null, told_dead_at = p_now
                where webhook_id = v.webhook_id;
            end loop;
        end $$;

        -- The last p_sample rows of a webhook's audit, as far as they are younger than p_from: one range of one index.
        create function fanfare.endpoint_attempts_v1(p_tenant text, p_webhook text, p_from timestamptz, p_sample int)
        returns table (
            o_since timestamptz, o_attempts bigint, o_successes bigint, o_p50 float8, o_p99 float8, o_retrying bigint,
            o_oldest timestamptz, o_errors text
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        begin
            return query execute $q$
                with sample as materialized (
                    select a.seq, a.delivery_id, a.started_at, a.total_ms, a.status, a.error_class, a.verdict
                    from fanfare.webhook_audit a where a.tenant_id = $1 and a.webhook_id = $2 order by a.seq desc limit $4
                ), recent as (
                    select s.*, s.verdict = 'delivered' as is_success from sample s
                    where s.started_at >= $3 and (s.status is not null or s.error_class is not null)
                ), latest as (
                    select distinct on (s.delivery_id) s.delivery_id, s.verdict from sample s
                    where s.delivery_id is not null order by s.delivery_id, s.seq desc
                ), retrying as (
                    select min(s.started_at) as first from sample s join latest l on l.delivery_id = s.delivery_id
                    where l.verdict = 'retrying' group by s.delivery_id
                ), errors as (
                    select r.error_class as class, count(*) as n, max(r.started_at) as last,
                        (array_agg(r.status order by r.seq desc))[1] as status
                    from recent r where not r.is_success and r.error_class is not null
                    group by 1 order by 3 desc limit 20
                )
                select (select min(started_at) from recent), (select count(*) from recent),
                    (select count(*) from recent where is_success),
                    (select percentile_cont(0.5) within group (order by total_ms) from recent where is_success),
                    (select percentile_cont(0.99) within group (order by total_ms) from recent where is_success),
                    (select count(*) from retrying), (select min(first) from retrying),
                    (select jsonb_agg(jsonb_build_object('class', e.class, 'count', e.n, 'last_status', e.status,
                        'last_at', fanfare.utc_v1(e.last))
                        order by e.last desc)::text from errors e)
                $q$ using p_tenant, p_webhook, p_from, p_sample;
        end $$;
        """
}
