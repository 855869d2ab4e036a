/// Dead letters as a resource: paged, sent again, thrown away with a reason, and dropped when they are past their time. Each
/// of these writes a row of the audit with the direction `management`.
enum M013DeadLetters {
    static let sql = """
        -- redrive_cause is set before the letter goes to its lane and redriven_at after: whoever repeats a redrive that was
        -- cut off in between sends under the same cause, so the delivery is the same one.
        alter table fanfare.dead_letters
            add column redrive_cause text collate "C",
            add column redriven_at timestamptz;
        create index dead_letters_webhook on fanfare.dead_letters (tenant_id, webhook_id, id);

        -- Of rows that tell what somebody did: whose letter, and who it was (a token, a job, the retention). Such rows have
        -- no delivery: what a delivery's attempts say stays as it is.
        alter table fanfare.webhook_audit
            add column dead_letter_id text collate "C",
            add column actor text collate "C";

        -- Ids of a tenant's dead letters, newest first, before p_before. The first row has no id: it says how far this
        -- page has looked and whether there may be more. p_redriven: null: all; else only those.
        create function fanfare.dead_letters_page_v1(
            p_tenant text, p_webhook text, p_type text, p_error text, p_since timestamptz, p_until timestamptz,
            p_redriven boolean, p_before text, p_limit int, p_scan int
        ) returns table (o_id text, o_edge text, o_more boolean) language plpgsql stable
            set enable_bitmapscan = off set enable_seqscan = off set jit = off as $$
        declare
            v_scan int := greatest(p_limit + 1, p_scan);
            v_page text[];
            v_cut boolean;
            v_scanned bigint;
            v_edge text;
        begin
            execute format($q$
                with scan as materialized (
                    select id, event_type, error_class, dead_at, redriven_at from fanfare.dead_letters
                    where tenant_id = $1 %s and id < $3 order by id desc limit $4
                ), hit as (
                    select id from scan
                    where ($5::text is null or event_type = $5 or starts_with(event_type, $5 || '.'))
                        and ($6::text is null or error_class = $6)
                        and ($7::timestamptz is null or dead_at >= $7)
                        and ($8::timestamptz is null or dead_at < $8)
                        and ($9::boolean is null or (redriven_at is not null) = $9)
                    order by id desc limit $10 + 1
                )
                select (select array_agg(id order by id desc) from (select id from hit order by id desc limit $10) p),
                    (select count(*) > $10 from hit), (select count(*) from scan), (select min(id) from scan)
                $q$, case when p_webhook is not null then 'and webhook_id = $2' else '' end)
            into v_page, v_cut, v_scanned, v_edge
            using p_tenant, p_webhook, coalesce(p_before, '~'), v_scan, p_type, p_error, p_since, p_until, p_redriven,
                p_limit;
            if v_cut then v_edge := v_page[p_limit]; end if;
            return query select null::text, v_edge, v_cut or v_scanned = v_scan;
            return query select unnest(v_page), null::text, null::boolean;
        end $$;

        -- Marks letters that are to be sent again, and answers what their lanes need to know: the cause of each, which is
        -- that of an earlier try where there was one. Letters that are gone, redriven, or whose event is no longer on the
        -- feed are left out.
        create function fanfare.claim_redrive_v1(p_tenant text, p_ids text[], p_cause text)
        returns table (o_id text, o_cause text, o_webhook text, o_event text, o_type text, o_pos bigint, o_part int,
            o_recorded timestamptz, o_payload bytea) language plpgsql volatile as $$
        begin
            return query
                update fanfare.dead_letters d set redrive_cause = coalesce(d.redrive_cause, p_cause)
                from fanfare.events e
                where d.tenant_id = p_tenant and d.id = any (p_ids) and d.redriven_at is null and e.pos = d.pos
                    and e.pos >= (select oldest_pos from fanfare.feed_head)
                returning d.id, d.redrive_cause, d.webhook_id, d.event_id, d.event_type, d.pos, e.part, e.recorded_at,
                    d.payload;
        end $$;

        -- They are on their lanes. Answers how many of them were not known to be.
        create function fanfare.note_redriven_v1(p_tenant text, p_ids text[], p_actor text) returns bigint
        language plpgsql volatile as $$
        declare v_count bigint;
        begin
            with done as (
                update fanfare.dead_letters set redriven_at = clock_timestamp()
                where tenant_id = p_tenant and id = any (p_ids) and redriven_at is null and redrive_cause is not null
                returning *
            )
            insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, event_type, cause, attempt,
                started_at, payload_sha256, verdict, dead_letter_id, actor)
            select 'management', tenant_id, webhook_id, event_id, event_type, redrive_cause, attempts, redriven_at,
                sha256(payload), 'redriven', id, p_actor
            from done;
            get diagnostics v_count = row_count;
            return v_count;
        end $$;

        -- Thrown away. Answers how many there were.
        create function fanfare.discard_dead_letters_v1(
            p_tenant text, p_ids text[], p_cause text, p_actor text, p_reason text
        ) returns bigint language plpgsql volatile as $$
        declare v_count bigint;
        begin
            with gone as (
                delete from fanfare.dead_letters where tenant_id = p_tenant and id = any (p_ids) returning *
            )
            insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, event_type, cause, attempt,
                started_at, payload_sha256, verdict, reason, dead_letter_id, actor)
            select 'management', tenant_id, webhook_id, event_id, event_type, p_cause, attempts, clock_timestamp(),
                sha256(payload), 'discarded', p_reason, id, p_actor
            from gone;
            get diagnostics v_count = row_count;
            return v_count;
        end $$;

        -- Those that are past their time, some at a time, by webhook: how many went, and how many of them nobody had sent
        -- again. Each leaves a row in the audit.
        create function fanfare.drop_dead_letters_v1(p_keep interval, p_limit int)
        returns table (o_tenant text, o_webhook text, o_gone bigint, o_waiting bigint) language plpgsql volatile as $$
        begin
            return query
                with gone as (
                    delete from fanfare.dead_letters where id in (
                        select id from fanfare.dead_letters where dead_at < now() - p_keep order by dead_at
                        limit p_limit for update skip locked)
                    returning *
                ), noted as (
                    insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, event_type, attempt,
                        started_at, payload_sha256, verdict, reason, dead_letter_id, actor)
                    select 'management', tenant_id, webhook_id, event_id, event_type, attempts, clock_timestamp(),
                        sha256(payload), 'dropped',
                        case when redriven_at is null then 'retention' else 'retention, after it was redriven' end, id,
                        'retention'
                    from gone
                )
                select tenant_id, webhook_id, count(*), count(*) filter (where redriven_at is null)
                from gone group by 1, 2;
        end $$;

        -- As before, but for the dead letters: they do not leave without a word.
        create or replace function fanfare.purge_v1(p_window interval, p_dead interval, p_limit int) returns bigint
        language plpgsql volatile as $$
        declare
            v_most bigint := 0;
            v_gone bigint;
        begin
            delete from fanfare.event_aliases where alias_id in (
                select alias_id from fanfare.event_aliases where stored_at < now() - p_window limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            -- a run and its chat are kept as long as what may still tell of them
            delete from fanfare.agent_runs where id in (
                select id from fanfare.agent_runs where created_at < now() - p_dead order by created_at limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            delete from fanfare.agent_chats where id in (
                select id from fanfare.agent_chats where created_at < now() - p_dead order by created_at limit p_limit);
            get diagnostics v_gone = row_count;
            v_most := greatest(v_most, v_gone);
            delete from fanfare.integration_ends where ended_at < now() - p_dead;
            delete from fanfare.members where until < now() - interval '1 hour';
            return v_most;
        end $$;
        """
}
