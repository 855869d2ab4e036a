/// Feed cursors: a backlog is a position on the feed, not copies. Spans say which positions of an endpoint its cursor
/// delivers instead of the lanes; jobs are cursors with a filter and a cause of their own. And the limits of a webhook.
enum M012Cursors {
    static let sql = """
        -- A durable position on a tenant's feed that one endpoint is delivered from, by whoever owns the endpoint's lane.
        -- The owner is known by the epoch of (topic 'cursors', lane) in `progress`, on both backbones; whoever takes a lane
        -- raises it, and calls with an older one write nothing.
        --   pos:   everything up to here is settled: delivered, dead, cancelled, or its next attempt is durable
        --   until: the last position; null while a span is open
        --   cause: 'live' (a span), or the id of the job that the cursor is part of
        create table fanfare.cursors (
            id text collate "C" primary key,
            kind text collate "C" not null check (kind in ('span', 'job')),
            tenant_id text collate "C" not null,
            endpoint_id text collate "C" not null,
            part int not null,
            cause text collate "C" not null,
            from_pos bigint not null,
            until_pos bigint,
            pos bigint not null,
            -- of jobs: types, each with its family (empty: all that the webhook subscribes to), and a smith
            types text[] not null default '{}',
            smith_id text collate "C",
            -- null: as fast as the endpoint takes it
            rate_per_s double precision check (rate_per_s > 0),
            state text collate "C" not null default 'active' check (state in ('active', 'done', 'cancelled')),
            -- deliveries that ended well, that wait for another attempt, and that ended otherwise
            delivered bigint not null default 0,
            retrying bigint not null default 0,
            failed bigint not null default 0,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        ) with (fillfactor = 50);
        create index cursors_active on fanfare.cursors (part) where state = 'active';
        create index cursors_endpoint on fanfare.cursors (endpoint_id) where state = 'active';
        create index cursors_cause on fanfare.cursors (cause) where kind = 'job';
        create index cursors_ended on fanfare.cursors (updated_at) where state <> 'active';

        -- Configuration: positions from_pos <= pos < to_pos that the matcher leaves out and that the lane's owner finishes
        -- unsent, since the endpoint's cursor delivers them. `version` is that of the last change. Kept as long as lanes
        -- may hold records of theirs.
        create table fanfare.spans (
            cursor_id text collate "C" primary key,
            tenant_id text collate "C" not null,
            endpoint_id text collate "C" not null,
            from_pos bigint not null,
            to_pos bigint,
            version bigint not null,
            changed_at timestamptz not null default now()
        );
        create index spans_version on fanfare.spans (version);
        create index spans_endpoint on fanfare.spans (endpoint_id, to_pos);

        -- Takes the cursors of lanes: raises the epochs and answers, for each lane, its epoch, the configuration version
        -- that its spans are known by, and its cursors (or one row without).
        create function fanfare.take_cursors_v1(p_parts int[])
        returns table (o_part int, o_epoch bigint, o_version bigint, o_row fanfare.cursors)
        language plpgsql volatile as $$
        begin
            perform fanfare.take_partitions_v1('cursors', p_parts);
            return query
                select p.part, p.epoch, h.config_version, c
                from fanfare.progress p cross join fanfare.feed_head h
                left join fanfare.cursors c on c.part = p.part and c.state = 'active'
                where p.topic = 'cursors' and p.part = any (p_parts) and h.shard = 0 order by p.part, c.id;
        end $$;

        -- Opens spans [from, infinity), each with its cursor, under the head's lock. One whose endpoint has an open span
        -- already answers that one, so a call whose answer was lost can be made again. A span never begins before the end
        -- of the one before it.
        create function fanfare.open_spans_v1(
            p_ids text[], p_tenants text[], p_endpoints text[], p_parts int[], p_epochs bigint[], p_from bigint[]
        ) returns table (o_refused boolean, o_version bigint, o_from bigint, o_row fanfare.cursors)
        language plpgsql volatile as $$
        declare
            v_next bigint;
            v_id text;
        begin
            perform 1 from fanfare.progress where topic = 'cursors' and part = any (p_parts)
            order by topic, part for update;
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into o_version, v_next;
            for i in 1 .. cardinality(p_ids) loop
                o_from := null;
                o_row := null;
                o_refused := not exists (select 1 from fanfare.progress p
                    where p.topic = 'cursors' and p.part = p_parts[i] and p.epoch = p_epochs[i]);
                if not o_refused then
                    v_id := null;
                    select s.cursor_id, s.from_pos into v_id, o_from from fanfare.spans s
                    where s.endpoint_id = p_endpoints[i] and s.to_pos is null;
                    if v_id is null then
                        v_id := p_ids[i];
                        select least(v_next, greatest(p_from[i], max(s.to_pos))) into o_from
                        from fanfare.spans s where s.endpoint_id = p_endpoints[i];
                        insert into fanfare.spans (cursor_id, tenant_id, endpoint_id, from_pos, version)
                        values (v_id, p_tenants[i], p_endpoints[i], o_from, o_version);
                        insert into fanfare.cursors (id, kind, tenant_id, endpoint_id, part, cause, from_pos, pos)
                        values (v_id, 'span', p_tenants[i], p_endpoints[i], p_parts[i], 'live', o_from, o_from - 1);
                    end if;
                    select c.* into o_row from fanfare.cursors c where c.id = v_id;
                end if;
                return next;
            end loop;
            perform pg_notify('fanfare_config', o_version::text);
        end $$;

        -- Closes spans at the head: what is stored from now on comes through the lanes, their cursors go on to the end.
        -- o_to is the first position behind the span; one that was closed before answers as it was.
        create function fanfare.close_spans_v1(p_ids text[], p_parts int[], p_epochs bigint[])
        returns table (o_refused boolean, o_version bigint, o_to bigint) language plpgsql volatile as $$
        declare v_next bigint;
        begin
            perform 1 from fanfare.progress where topic = 'cursors' and part = any (p_parts)
            order by topic, part for update;
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into o_version, v_next;
            for i in 1 .. cardinality(p_ids) loop
                o_to := null;
                o_refused := not exists (select 1 from fanfare.progress p
                    where p.topic = 'cursors' and p.part = p_parts[i] and p.epoch = p_epochs[i]);
                if not o_refused then
                    update fanfare.spans set to_pos = v_next, version = o_version, changed_at = now()
                    where cursor_id = p_ids[i] and to_pos is null;
                    update fanfare.cursors set until_pos = v_next - 1, updated_at = now()
                    where id = p_ids[i] and until_pos is null;
                    select s.to_pos into o_to from fanfare.spans s where s.cursor_id = p_ids[i];
                end if;
                return next;
            end loop;
            perform pg_notify('fanfare_config', o_version::text);
        end $$;

        -- Records how far cursors are settled and what came of their deliveries since the last call; `p_done` ends one.
        -- Answers each one's state: 'refused' where the epoch is not ours (nothing was written for it), 'cancelled' where
        -- somebody ended it meanwhile, 'gone' where it does not exist any more.
        create function fanfare.record_cursors_v1(
            p_ids text[], p_parts int[], p_epochs bigint[], p_pos bigint[], p_delivered bigint[], p_retrying bigint[],
            p_failed bigint[], p_done boolean[]
        ) returns table (o_id text, o_state text) language plpgsql volatile as $$
        begin
            perform 1 from fanfare.progress where topic = 'cursors' and part = any (p_parts)
            order by topic, part for update;
            return query
                with given as (
                    select r.*, p.epoch is not distinct from r.held as is_ours
                    from unnest(p_ids, p_parts, p_epochs, p_pos, p_delivered, p_retrying, p_failed, p_done)
                        as r(id, part, held, pos, delivered, retrying, failed, done)
                    left join fanfare.progress p on p.topic = 'cursors' and p.part = r.part
                ), written as (
                    update fanfare.cursors c set pos = greatest(c.pos, g.pos), delivered = c.delivered + g.delivered,
                        retrying = c.retrying + g.retrying, failed = c.failed + g.failed, updated_at = now(),
                        state = case when c.state = 'active' and g.done then 'done' else c.state end
                    from given g where g.is_ours and c.id = g.id
                    returning c.id, c.state
                )
                select g.id, case when not g.is_ours then 'refused' else coalesce(w.state, 'gone') end
                from given g left join written w on w.id = g.id;
        end $$;

        -- Rows of a tenant's feed for a cursor. The first row has no `pos`: it says where the head is, which configuration
        -- version this snapshot has, and how far it has looked (o_edge). Events for one endpoint alone are no cursor's.
        --   p_until: the last position of interest, or null
        --   p_families: a type matches as itself or by a dot-aligned prefix; null: every type
        --   p_scan: how many rows one call looks through; p_limit, p_bytes: how many it brings, at least one
        create function fanfare.cursor_page_v1(
            p_tenant text, p_endpoint text, p_after bigint, p_until bigint, p_families text[], p_smith text,
            p_limit int, p_bytes bigint, p_scan int
        ) returns table (
            o_pos bigint, o_part int, o_event text, o_type text, o_recorded timestamptz, o_envelope bytea,
            o_next bigint, o_oldest bigint, o_version bigint, o_edge bigint
        ) language plpgsql stable set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_head fanfare.feed_head;
            v_to bigint;
            v_page bigint[];
            v_cut boolean;
            v_scanned bigint;
            v_edge bigint;
        begin
            select * into v_head from fanfare.feed_head where shard = 0;
            v_to := least(v_head.next_pos, p_until + 1);
            execute $q$
                with scan as materialized (
                    select pos, type, smith_id, only_endpoint, except_endpoint, octet_length(envelope) as size
                    from fanfare.events where tenant_id = $1 and pos > $2 and pos < $3 order by pos limit $4
                ), hit as (
                    select pos, size from scan
                    where only_endpoint is null and except_endpoint is distinct from $5
                        and ($6::text is null or smith_id = $6)
                        and ($7::text[] is null or exists (select 1 from unnest($7) as f(name)
                            where scan.type = f.name or starts_with(scan.type, f.name || '.')))
                    order by pos limit $8 + 1
                ), summed as (
                    select pos, row_number() over w as n, sum(size) over w as total
                    from hit window w as (order by pos rows unbounded preceding)
                ), page as (
                    select pos from summed where n <= $8 and (n = 1 or total <= $9)
                )
                select (select array_agg(pos order by pos) from page),
                    (select count(*) from page) < (select count(*) from hit),
                    (select count(*) from scan), (select max(pos) from scan)
                $q$ into v_page, v_cut, v_scanned, v_edge
            using p_tenant, p_after, v_to, p_scan, p_endpoint, p_smith, p_families, p_limit, p_bytes;
            if v_cut then
                v_edge := v_page[cardinality(v_page)];
            elsif v_scanned < p_scan then
                v_edge := greatest(v_to - 1, p_after);
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

        -- Spans and cursors that ended long ago, some at a time.
        create function fanfare.purge_cursors_v1(p_keep interval, p_limit int) returns bigint
        language plpgsql volatile as $$
        declare v_gone bigint;
        begin
            delete from fanfare.spans where cursor_id in (
                select c.id from fanfare.cursors c where c.state <> 'active' and c.updated_at < now() - p_keep
                order by c.updated_at limit p_limit);
            delete from fanfare.cursors where id in (
                select c.id from fanfare.cursors c where c.state <> 'active' and c.updated_at < now() - p_keep
                order by c.updated_at limit p_limit);
            get diagnostics v_gone = row_count;
            return v_gone;
        end $$;

        -- Limits of a webhook, enforced by the owner of its lane; null: the installation's.
        alter table fanfare.webhooks
            add column rate_per_s double precision check (rate_per_s > 0),
            add column max_in_flight int check (max_in_flight > 0);
        alter table fanfare.webhook_revisions
            add column rate_per_s double precision,
            add column max_in_flight int;

        create or replace function fanfare.revise_webhook_v1(p_webhook text, p_status text) returns bigint
        language plpgsql volatile as $$
        declare
            v_version bigint;
            v_from bigint;
        begin
            update fanfare.feed_head set config_version = config_version + 1 where shard = 0
            returning config_version, next_pos into v_version, v_from;
            update fanfare.webhook_revisions set to_pos = v_from where webhook_id = p_webhook and to_pos is null;
            insert into fanfare.webhook_revisions (version, webhook_id, tenant_id, from_pos, status, url, events,
                timeout_s, schedule, secrets, filter, rate_per_s, max_in_flight)
            select v_version, w.id, w.tenant_id, v_from, coalesce(p_status, w.status), w.url, w.events, w.timeout_s,
                w.schedule, w.secrets, w.filter, w.rate_per_s, w.max_in_flight
            from fanfare.webhooks w where w.id = p_webhook;
            update fanfare.webhooks set version = v_version, updated_at = now() where id = p_webhook;
            perform pg_notify('fanfare_config', v_version::text);
            return v_version;
        end $$;

        -- p_set names the limits to change.
        create function fanfare.limit_webhook_v1(
            p_tenant text, p_id text, p_set text[], p_rate double precision, p_in_flight int
        ) returns setof fanfare.webhooks language plpgsql volatile as $$
        declare
            v_old fanfare.webhooks;
            v_new fanfare.webhooks;
        begin
            select * into v_old from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            update fanfare.webhooks set
                rate_per_s = case when 'rate_per_s' = any (p_set) then p_rate else rate_per_s end,
                max_in_flight = case when 'max_in_flight' = any (p_set) then p_in_flight else max_in_flight end
            where id = p_id returning * into v_new;
            if (v_new.rate_per_s, v_new.max_in_flight) is distinct from (v_old.rate_per_s, v_old.max_in_flight) then
                perform fanfare.revise_webhook_v1(p_id, null);
            end if;
            return query select * from fanfare.webhooks where id = p_id;
        end $$;
        """
}
