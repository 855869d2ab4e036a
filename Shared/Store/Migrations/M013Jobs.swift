/// Jobs: bulk work that goes on over the death of any process. Those that deliver (replay, resend, redrive) are cursors of
/// the kind `job`, one a webhook, which the owners of the webhooks' lanes work on; a discard is done in steps of one statement.
enum M013Jobs {
    static let sql = """
        -- What a job's cursor reads: the feed (replay), what of it is not acknowledged (resend), dead letters (redrive).
        alter table fanfare.cursors
            add column action text collate "C" not null default 'replay'
                check (action in ('replay', 'resend', 'redrive'));
        create index dead_letters_pos on fanfare.dead_letters (webhook_id, pos);

        create table fanfare.jobs (
            id text collate "C" primary key,
            tenant_id text collate "C" not null,
            action text collate "C" not null check (action in ('replay', 'resend', 'redrive', 'discard')),
            -- null: all of the tenant's that take something
            webhook_id text collate "C",
            -- when the feed stored the event; of letters: when they died
            from_at timestamptz,
            to_at timestamptz,
            types text[] not null default '{}',
            smith_id text collate "C",
            error_class text collate "C",
            rate_per_s double precision,
            reason text not null default '',
            -- the token that asked for it
            actor text collate "C" not null,
            state text collate "C" not null default 'running' check (state in ('running', 'done', 'cancelled')),
            -- how many there were when it began, as far as one look counted
            matched bigint not null,
            is_exact boolean not null,
            -- of a discard: letters up to here were looked at
            after_id text collate "C" not null default '',
            discarded bigint not null default 0,
            -- of the others, once they have ended; before that their cursors say it
            delivered bigint not null default 0,
            retrying bigint not null default 0,
            failed bigint not null default 0,
            pos bigint,
            until_pos bigint,
            progress double precision,
            created_at timestamptz not null default clock_timestamp(),
            ended_at timestamptz
        );
        create index jobs_tenant on fanfare.jobs (tenant_id, id);
        create index jobs_running on fanfare.jobs (tenant_id, action) where state = 'running';
        create index jobs_ended on fanfare.jobs (ended_at) where ended_at is not null;

        -- A stretch of time as positions. o_oldest: when the oldest event that is kept was stored; o_is_past: something that
        -- lay behind p_from was dropped already.
        create function fanfare.job_range_v1(p_from timestamptz, p_to timestamptz)
        returns table (o_from bigint, o_until bigint, o_oldest timestamptz, o_is_past boolean)
        language plpgsql stable set enable_seqscan = off as $$
        declare v_head fanfare.feed_head;
        begin
            select * into v_head from fanfare.feed_head where shard = 0;
            select e.recorded_at into o_oldest from fanfare.events e
            where e.pos >= v_head.oldest_pos and e.pos < v_head.next_pos order by e.pos limit 1;
            o_oldest := coalesce(o_oldest, v_head.last_recorded);
            o_is_past := coalesce(p_from < o_oldest and v_head.oldest_pos > 1, false);
            o_from := case when p_from is null then v_head.oldest_pos
                else greatest(v_head.oldest_pos, fanfare.pos_at_v1(p_from)) end;
            o_until := case when p_to is null then v_head.next_pos - 1 else fanfare.pos_at_v1(p_to) - 1 end;
            return next;
        end $$;

        -- Whether an endpoint has acknowledged an event, whatever the cause of the delivery.
        create function fanfare.is_acknowledged_v1(p_webhook text, p_event text) returns boolean
        language sql stable as $$
            select exists (select 1 from fanfare.webhook_audit a
                where a.delivery_id >= 'dlv_' || substr(p_event, 5, 13)
                    and a.delivery_id < 'dlv_' || substr(p_event, 5, 13) || '~'
                    and a.event_id = p_event and a.webhook_id = p_webhook and a.verdict = 'delivered');
        $$;

        -- How many a job would find; looks through p_scan rows at most. o_exact: it came to the end of them.
        -- What a webhook's `filter` says is not asked.
        create function fanfare.count_job_v1(
            p_action text, p_tenant text, p_webhooks text[], p_from_pos bigint, p_until_pos bigint,
            p_from timestamptz, p_to timestamptz, p_types text[], p_smith text, p_error text, p_scan int
        ) returns table (o_matched bigint, o_exact boolean) language plpgsql stable
            set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_webhook text;
            v_events text[];
            v_first bigint;
            v_scan int := greatest(1000, p_scan / greatest(1, cardinality(p_webhooks)));
            v_scanned bigint;
            v_hits bigint;
        begin
            o_matched := 0;
            o_exact := true;
            foreach v_webhook in array p_webhooks loop
                if p_action in ('redrive', 'discard') then
                    select count(*), count(*) filter (where s.redriven_at is null
                        and (p_from is null or s.dead_at >= p_from) and (p_to is null or s.dead_at < p_to)
                        and (p_error is null or s.error_class = p_error)
                        and (cardinality(p_types) = 0 or exists (select 1 from unnest(p_types) f(name)
                            where s.event_type = f.name or starts_with(s.event_type, f.name || '.')))
                        and (p_smith is null or exists (select 1 from fanfare.events e
                            where e.pos = s.pos and e.smith_id = p_smith))
                        and (p_action = 'discard' or s.pos >= p_from_pos))
                    into v_scanned, v_hits
                    from (select d.pos, d.event_type, d.error_class, d.dead_at, d.redriven_at from fanfare.dead_letters d
                        where d.tenant_id = p_tenant and d.webhook_id = v_webhook order by d.id limit v_scan) s;
                else
                    select w.events into v_events from fanfare.webhooks w where w.id = v_webhook;
                    v_first := p_from_pos;
                    if p_action = 'resend' then
                        select greatest(v_first, min(r.from_pos)) into v_first
                        from fanfare.webhook_revisions r where r.webhook_id = v_webhook;
                    end if;
                    select count(*), count(*) filter (where s.only_endpoint is null
                        and s.except_endpoint is distinct from v_webhook
                        and (p_smith is null or s.smith_id = p_smith)
                        and (cardinality(p_types) = 0 or exists (select 1 from unnest(p_types) f(name)
                            where s.type = f.name or starts_with(s.type, f.name || '.')))
                        and (cardinality(v_events) = 0 or exists (select 1 from unnest(v_events) f(name)
                            where f.name = '*' or s.type = f.name or starts_with(s.type, f.name || '.')))
                        and (p_action = 'replay' or not fanfare.is_acknowledged_v1(v_webhook, s.event_id)))
                    into v_scanned, v_hits
                    from (select e.event_id, e.type, e.smith_id, e.only_endpoint, e.except_endpoint from fanfare.events e
                        where e.tenant_id = p_tenant and e.pos >= v_first and e.pos <= p_until_pos
                        order by e.pos limit case when p_action = 'resend' then v_scan / 10 else v_scan end) s;
                    if p_action = 'resend' and v_scanned = v_scan / 10 then o_exact := false; end if;
                end if;
                o_matched := o_matched + v_hits;
                if v_scanned = v_scan then o_exact := false; end if;
            end loop;
            return next;
        end $$;

        -- Begins a job. o_problem: 'busy' (o_other has the dead letters), 'too_many'; then nothing was made.
        create function fanfare.start_job_v1(
            p_id text, p_tenant text, p_action text, p_webhook text, p_from timestamptz, p_to timestamptz,
            p_types text[], p_smith text, p_error text, p_rate double precision, p_reason text, p_actor text,
            p_matched bigint, p_exact boolean, p_from_pos bigint, p_until_pos bigint,
            p_cursors text[], p_webhooks text[], p_lanes int[], p_most int,
            out o_problem text, out o_other text
        ) language plpgsql volatile as $$
        begin
            perform pg_advisory_xact_lock(hashtext('fanfare.jobs'), hashtext(p_tenant));
            if (select count(*) from fanfare.jobs where tenant_id = p_tenant and state = 'running') >= p_most then
                o_problem := 'too_many';
                return;
            end if;
            if p_action in ('redrive', 'discard') then
                select id into o_other from fanfare.jobs
                where tenant_id = p_tenant and state = 'running' and action in ('redrive', 'discard')
                    and (webhook_id is null or p_webhook is null or webhook_id = p_webhook) limit 1;
                if found then
                    o_problem := 'busy';
                    return;
                end if;
            end if;
            insert into fanfare.jobs (id, tenant_id, action, webhook_id, from_at, to_at, types, smith_id, error_class,
                rate_per_s, reason, actor, matched, is_exact)
            values (p_id, p_tenant, p_action, p_webhook, p_from, p_to, p_types, p_smith, p_error, p_rate, p_reason,
                p_actor, p_matched, p_exact);
            if p_action <> 'discard' then
                insert into fanfare.cursors (id, kind, action, tenant_id, endpoint_id, part, cause, from_pos, until_pos,
                    pos, types, smith_id, rate_per_s)
                select c.id, 'job', p_action, p_tenant, c.webhook, c.lane, p_id, f.first, greatest(p_until_pos, f.first - 1),
                    f.first - 1, p_types, p_smith, p_rate
                from unnest(p_cursors, p_webhooks, p_lanes) as c(id, webhook, lane)
                cross join lateral (select case p_action
                    when 'resend' then greatest(p_from_pos, (select min(r.from_pos) from fanfare.webhook_revisions r
                        where r.webhook_id = c.webhook))
                    when 'redrive' then greatest(p_from_pos, (select min(d.pos) from fanfare.dead_letters d
                        where d.webhook_id = c.webhook))
                    else p_from_pos end as first) f
                join fanfare.webhooks w on w.id = c.webhook and w.tenant_id = p_tenant and w.status = 'active';
                if not found then perform fanfare.end_job_v1(p_id); end if;
                perform pg_notify('fanfare_cursors', '');
            end if;
        end $$;

        -- What a job's cursors have come to, once none of them is active; and what was still under way when it was cancelled.
        create function fanfare.end_job_v1(p_id text) returns void language plpgsql volatile as $$
        begin
            perform 1 from fanfare.jobs where id = p_id for update;
            if exists (select 1 from fanfare.cursors where cause = p_id and kind = 'job' and state = 'active') then
                return;
            end if;
            update fanfare.jobs j set ended_at = coalesce(j.ended_at, clock_timestamp()), delivered = s.delivered,
                retrying = s.retrying, failed = s.failed, pos = s.pos, until_pos = s.until_pos, progress = s.progress,
                state = case when j.state <> 'running' then j.state when s.was_cancelled then 'cancelled' else 'done' end
            from fanfare.job_sums_v1(p_id) s
            where j.id = p_id;
        end $$;

        create function fanfare.job_sums_v1(p_id text) returns table (delivered bigint, retrying bigint, failed bigint,
            pos bigint, until_pos bigint, progress double precision, was_cancelled boolean) language sql stable as $$
            select coalesce(sum(c.delivered), 0)::bigint, coalesce(sum(c.retrying), 0)::bigint,
                coalesce(sum(c.failed), 0)::bigint, min(c.pos), max(c.until_pos),
                coalesce(sum(c.pos - c.from_pos + 1)::float8 / nullif(sum(c.until_pos - c.from_pos + 1), 0), 1),
                coalesce(bool_or(c.state = 'cancelled'), false)
            from fanfare.cursors c where c.cause = p_id and c.kind = 'job';
        $$;

        -- A redrive's letters whose first new attempt is over, or waits for another one, are no longer dead. In the call that
        -- records the position: what a killed worker had under way is still dead, and is sent again.
        create function fanfare.note_job_redriven_v1(p_job text, p_webhook text, p_after bigint, p_until bigint) returns void
        language plpgsql volatile as $$
        begin
            with done as (
                update fanfare.dead_letters d set redrive_cause = p_job, redriven_at = clock_timestamp()
                from fanfare.jobs j
                where j.id = p_job and d.webhook_id = p_webhook and d.pos > p_after and d.pos <= p_until
                    and d.redriven_at is null and d.dead_at < j.created_at
                    and (j.from_at is null or d.dead_at >= j.from_at) and (j.to_at is null or d.dead_at < j.to_at)
                    and (j.error_class is null or d.error_class = j.error_class)
                    and (cardinality(j.types) = 0 or exists (select 1 from unnest(j.types) f(name)
                        where d.event_type = f.name or starts_with(d.event_type, f.name || '.')))
                    and exists (select 1 from fanfare.events e where e.pos = d.pos
                        and (j.smith_id is null or e.smith_id = j.smith_id))
                returning d.*
            )
            insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, event_type, cause, attempt,
                started_at, payload_sha256, verdict, dead_letter_id, actor)
            select 'management', tenant_id, webhook_id, event_id, event_type, p_job, attempts, redriven_at,
                sha256(payload), 'redriven', id, p_job
            from done;
        end $$;

        create function fanfare.job_cursor_changed() returns trigger language plpgsql as $$
        begin
            if new.action = 'redrive' and new.pos > old.pos then
                perform fanfare.note_job_redriven_v1(new.cause, new.endpoint_id, old.pos, new.pos);
            end if;
            if new.state <> 'active' then perform fanfare.end_job_v1(new.cause); end if;
            return null;
        end $$;
        create trigger cursors_of_jobs after update on fanfare.cursors for each row
            when (new.kind = 'job' and (new.pos, new.state, new.delivered, new.retrying, new.failed)
                is distinct from (old.pos, old.state, old.delivered, old.retrying, old.failed))
            execute function fanfare.job_cursor_changed();

        -- The job's own row says it at once; its cursors follow by `stop_job_cursors_v1`.
        create function fanfare.cancel_job_v1(p_tenant text, p_id text) returns void language plpgsql volatile as $$
        begin
            update fanfare.jobs set state = 'cancelled', ended_at = clock_timestamp()
            where tenant_id = p_tenant and id = p_id and state = 'running';
        end $$;

        -- Ends the cursors of jobs that were cancelled, and of webhooks that take nothing more: what they would still send
        -- would only be cancelled. By itself: recording a cursor's position may take a while, and neither somebody who
        -- cancels nor a change of a webhook, which holds the feed's head, may wait for that.
        create function fanfare.stop_job_cursors_v1() returns bigint language plpgsql volatile as $$
        declare v_count bigint;
        begin
            update fanfare.cursors c set state = 'cancelled', updated_at = now()
            from fanfare.jobs j
            where c.kind = 'job' and c.state = 'active' and j.id = c.cause
                and (j.state = 'cancelled' or not exists (select 1 from fanfare.webhooks w
                    where w.id = c.endpoint_id and w.status = 'active'));
            get diagnostics v_count = row_count;
            if v_count > 0 then perform pg_notify('fanfare_cursors', ''); end if;
            return v_count;
        end $$;

        -- One step of a discard that nobody else is at: p_limit letters are looked at, and those that match thrown away,
        -- with the position of the next step in the same commit. Null: there is nothing to do.
        create function fanfare.step_discard_v1(p_limit int, out o_job text, out o_count bigint)
        language plpgsql volatile set enable_bitmapscan = off set enable_seqscan = off as $$
        declare
            v_job fanfare.jobs;
            v_ids text[];
            v_scanned bigint;
            v_last text;
        begin
            select * into v_job from fanfare.jobs where state = 'running' and action = 'discard'
            order by id limit 1 for update skip locked;
            if not found then return; end if;
            o_job := v_job.id;
            execute format($q$
                with scan as materialized (
                    select id, pos, event_type, error_class, dead_at, redriven_at from fanfare.dead_letters
                    where tenant_id = $1 %s and id > $3 order by id limit $4
                )
                select (select array_agg(s.id) from scan s
                        where s.redriven_at is null and s.dead_at < $5 and ($6::timestamptz is null or s.dead_at >= $6)
                            and ($7::timestamptz is null or s.dead_at < $7)
                            and ($8::text is null or s.error_class = $8)
                            and (cardinality($9) = 0 or exists (select 1 from unnest($9) f(name)
                                where s.event_type = f.name or starts_with(s.event_type, f.name || '.')))
                            and ($10::text is null or exists (select 1 from fanfare.events e
                                where e.pos = s.pos and e.smith_id = $10))),
                    (select count(*) from scan), (select max(id) from scan)
                $q$, case when v_job.webhook_id is not null then 'and webhook_id = $2' else '' end)
            into v_ids, v_scanned, v_last
            using v_job.tenant_id, v_job.webhook_id, v_job.after_id, p_limit, v_job.created_at, v_job.from_at, v_job.to_at,
                v_job.error_class, v_job.types, v_job.smith_id;
            o_count := 0;
            if v_ids is not null then
                o_count := fanfare.discard_dead_letters_v1(v_job.tenant_id, v_ids, v_job.id, v_job.id, v_job.reason);
            end if;
            update fanfare.jobs set discarded = discarded + o_count, after_id = coalesce(v_last, after_id),
                state = case when v_scanned < p_limit then 'done' else state end,
                ended_at = case when v_scanned < p_limit then clock_timestamp() end,
                progress = case when v_scanned < p_limit then 1 end
            where id = v_job.id;
        end $$;

        -- As `cursor_page_v1`, for a job's cursor: of a replay that very page; of a resend what the endpoint has not
        -- acknowledged; of a redrive the events of its dead letters, whatever the webhook subscribes to now.
        create function fanfare.job_page_v1(
            p_job text, p_tenant text, p_endpoint text, p_after bigint, p_until bigint, p_families text[], p_smith text,
            p_limit int, p_bytes bigint, p_scan int
        ) returns table (
            o_pos bigint, o_part int, o_event text, o_type text, o_recorded timestamptz, o_envelope bytea,
            o_next bigint, o_oldest bigint, o_version bigint, o_edge bigint
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_job fanfare.jobs;
            v_head fanfare.feed_head;
            v_to bigint;
            v_page bigint[];
            v_cut boolean;
            v_scanned bigint;
            v_edge bigint;
            v_candidates text;
            v_scan int := p_scan;
        begin
            select * into v_job from fanfare.jobs where id = p_job;
            if v_job.action is distinct from 'resend' and v_job.action is distinct from 'redrive' then
                return query select c.* from fanfare.cursor_page_v1(p_tenant, p_endpoint, p_after, p_until, p_families,
                    p_smith, p_limit, p_bytes, p_scan) c;
                return;
            end if;
            select * into v_head from fanfare.feed_head where shard = 0;
            v_to := least(v_head.next_pos, p_until + 1);
            if v_job.action = 'redrive' then
                -- each is looked up on the feed, and nearly all of them match
                v_scan := least(p_scan, p_limit * 4 + 16);
                v_candidates := 'scan as materialized (
                        select d.pos, d.event_type, d.error_class, d.dead_at, d.redriven_at, octet_length(d.payload) as size
                        from fanfare.dead_letters d
                        where d.webhook_id = $5 and d.tenant_id = $1 and d.pos > $2 and d.pos < $3 order by d.pos limit $4
                    ), hit as (
                        select s.pos, max(s.size) as size from scan s
                        where s.redriven_at is null and s.dead_at < $10 and ($11::timestamptz is null or s.dead_at >= $11)
                            and ($12::timestamptz is null or s.dead_at < $12)
                            and ($13::text is null or s.error_class = $13)
                            and (cardinality($14) = 0 or exists (select 1 from unnest($14) f(name)
                                where s.event_type = f.name or starts_with(s.event_type, f.name || ''.'')))
                            and exists (select 1 from fanfare.events e where e.pos = s.pos
                                and ($6::text is null or e.smith_id = $6))
                        group by s.pos order by s.pos limit $8 + 1
                    )';
            else
                v_candidates := 'scan as materialized (
                        select pos, event_id, type, smith_id, only_endpoint, except_endpoint, octet_length(envelope) as size
                        from fanfare.events where tenant_id = $1 and pos > $2 and pos < $3 order by pos limit $4
                    ), hit as (
                        select pos, size from scan
                        where only_endpoint is null and except_endpoint is distinct from $5
                            and ($6::text is null or smith_id = $6)
                            and ($7::text[] is null or exists (select 1 from unnest($7) as f(name)
                                where scan.type = f.name or starts_with(scan.type, f.name || ''.'')))
                            and not fanfare.is_acknowledged_v1($5, event_id)
                        order by pos limit $8 + 1
                    )';
            end if;
            execute format($q$
                with %s, summed as (
                    select pos, row_number() over w as n, sum(size) over w as total
                    from hit window w as (order by pos rows unbounded preceding)
                ), page as (
                    select pos from summed where n <= $8 and (n = 1 or total <= $9)
                )
                select (select array_agg(pos order by pos) from page),
                    (select count(*) from page) < (select count(*) from hit),
                    (select count(*) from scan), (select max(pos) from scan)
                $q$, v_candidates)
            into v_page, v_cut, v_scanned, v_edge
            using p_tenant, p_after, v_to, v_scan, p_endpoint, p_smith, p_families, p_limit, p_bytes, v_job.created_at,
                v_job.from_at, v_job.to_at, v_job.error_class, v_job.types;
            if v_cut then
                v_edge := v_page[cardinality(v_page)];
            elsif v_scanned < v_scan then
                v_edge := greatest(v_to - 1, p_after);
            elsif v_job.action = 'redrive' then
                -- a position may have more letters than were looked at; those that are in the page are sent in any case
                v_edge := greatest(v_edge - 1, p_after, v_page[cardinality(v_page)]);
                if v_edge = p_after then v_edge := p_after + 1; end if;
            end if;
            return query select null::bigint, null::int, null::text, null::text, null::timestamptz, null::bytea,
                v_head.next_pos, v_head.oldest_pos, v_head.config_version, v_edge;
            if v_page is not null then
                return query execute 'select pos, part, event_id, type, recorded_at, envelope, null::bigint, null::bigint,
                    null::bigint, null::bigint
                    from fanfare.events where pos = any ($1) and pos between $2 and $3 order by pos'
                using v_page, v_page[1], v_page[cardinality(v_page)];
            end if;
        end $$;

        create function fanfare.purge_jobs_v1(p_keep interval, p_limit int) returns bigint language plpgsql volatile as $$
        declare v_gone bigint;
        begin
            delete from fanfare.jobs where id in (
                select id from fanfare.jobs where ended_at < now() - p_keep order by ended_at limit p_limit);
            get diagnostics v_gone = row_count;
            return v_gone;
        end $$;
        """
}
