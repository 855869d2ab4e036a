/// What few webhooks have: several secrets while a rotation lasts, credentials, headers of their own, a pending verification.
enum M014Endpoints {
    static let sql = """
        alter table fanfare.webhooks
            -- beside `secrets`, in its order
            add column secret_ids text[] not null default '{}',
            add column secret_made timestamptz[] not null default '{}',
            -- when those behind the newest end; never later than the one before
            add column secret_until timestamptz[] not null default '{}',
            -- the secret that keys the header of ours, if it is not the oldest one in force
            add column promoted text;

        -- What of it matters to sending, as a JSON object; null for nearly all. Built from the row whenever a revision is
        -- made, whoever makes it.
        alter table fanfare.webhook_revisions add column equipment text;

        create function fanfare.webhook_equipment_v1(w fanfare.webhooks) returns text language sql stable as $$
            select nullif(jsonb_strip_nulls(jsonb_build_object(
                'until', (select jsonb_agg((extract(epoch from t.until) * 1000000)::bigint order by t.place)
                    from unnest(w.secret_until) with ordinality as t(until, place)),
                'promoted', array_position(w.secret_ids, w.promoted) - 1
            )), '{}'::jsonb)::text
        $$;
        create function fanfare.revision_made() returns trigger language plpgsql as $$
        begin
            select fanfare.webhook_equipment_v1(w) into new.equipment from fanfare.webhooks w where w.id = new.webhook_id;
            return new;
        end $$;
        create trigger revision_made before insert on fanfare.webhook_revisions
            for each row execute function fanfare.revision_made();

        -- A release that knows of one secret only writes no ids.
        create function fanfare.webhook_written() returns trigger language plpgsql as $$
        begin
            if cardinality(new.secret_ids) < cardinality(new.secrets) then
                new.secret_ids := array['sec_' || substr(new.id, 4)];
                new.secret_made := array[new.created_at];
                new.secret_until := '{}';
                new.secrets := new.secrets[1:1];
            end if;
            -- what was before an activation is no reason to end it again
            if tg_op = 'UPDATE' and new.status = 'active' and old.status <> 'active' then
                update fanfare.endpoint_states set failures = 0, failing_since = null where webhook_id = new.id;
            end if;
            return new;
        end $$;
        create trigger webhook_written before insert or update on fanfare.webhooks
            for each row execute function fanfare.webhook_written();
        update fanfare.webhooks set updated_at = updated_at;

        -- Puts a secret in front. Those in force go on until p_until at most; without it they end at once. What is over is
        -- forgotten.
        create function fanfare.rotate_webhook_v1(
            p_tenant text, p_id text, p_secret_id text, p_secret text, p_now timestamptz, p_until timestamptz
        ) returns setof fanfare.webhooks language plpgsql volatile as $$
        declare
            v_old fanfare.webhooks;
            v_live int;
        begin
            select * into v_old from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            select 1 + count(*) into v_live from unnest(v_old.secret_until) u where u > p_now;
            if p_until is null then v_live := 0; end if;
            update fanfare.webhooks set
                secrets = p_secret || v_old.secrets[1:v_live],
                secret_ids = p_secret_id || v_old.secret_ids[1:v_live],
                secret_made = p_now || v_old.secret_made[1:v_live],
                secret_until = case when v_live = 0 then '{}' else array(
                    select least(u, p_until) from unnest(p_until || v_old.secret_until[1:v_live - 1])
                    with ordinality as t(u, n) order by n) end,
                updated_at = p_now
            where id = p_id;
            perform fanfare.revise_webhook_v1(p_id, null);
            return query select * from fanfare.webhooks where id = p_id;
        end $$;

        -- From now on the newest secret keys the header of ours too.
        create function fanfare.promote_webhook_v1(p_tenant text, p_id text) returns setof fanfare.webhooks
        language plpgsql volatile as $$
        declare v_old fanfare.webhooks;
        begin
            select * into v_old from fanfare.webhooks where tenant_id = p_tenant and id = p_id for update;
            if not found then return; end if;
            if cardinality(v_old.secret_ids) > 1 and v_old.promoted is distinct from v_old.secret_ids[1] then
                update fanfare.webhooks set promoted = v_old.secret_ids[1] where id = p_id;
                perform fanfare.revise_webhook_v1(p_id, null);
            end if;
            return query select * from fanfare.webhooks where id = p_id;
        end $$;
        """
}
