/** A running agent and the service manager that started it: systemd's messages out, SIGHUP in. */

import { called } from '../flow-logs/flow-log-entry.ts';
import type { ReloadReport } from '../flow-logs/reconciler.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { ProcessAddon } from '../native/addon.ts';
import type { Log } from '../telemetry/log.ts';
import { SystemdNotify, statusLine } from '../telemetry/systemd-notify.ts';
import type { HangUps } from './hang-ups.ts';
import type { Supervisor } from './supervisor.ts';

/** Reads the configuration again, applies what may change and answers what that was. Fails with an OperationalError. */
export type Reload = () => Promise<ReloadOutcome>;

/** A reload, and what asks for it. */
export interface Reloading {
  readonly hangUps: HangUps;
  readonly reload: Reload;
}

export interface ReloadOutcome {
  /** Options that count from the next start only. */
  readonly restartFor: readonly string[];
  readonly flowLogs: ReloadReport;
}

export function createNotify(
  addon: ProcessAddon,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): SystemdNotify {
  return new SystemdNotify({
    environment,
    processId: process.pid,
    send: addon.sendDatagram,
    monotonicMicroseconds: () => process.hrtime.bigint() / 1000n,
    onFailure: (reason) => log.warn('notification of the service manager failed', { reason }),
  });
}

/** From now on systemd knows how the agent does, and SIGHUP reloads; answers what ends that. */
export function serveManager(
  supervisor: Pick<Supervisor, 'progress' | 'status'>,
  notify: SystemdNotify,
  reloads: Reloading | undefined,
  log: Log,
): () => void {
  const watched = { progress: () => supervisor.progress, line: () => statusLine(supervisor.status.read()) };
  const looking = notify.isHeard ? setInterval(() => notify.look(watched), notify.lookMs) : undefined;
  notify.ready();
  if (notify.isHeard) notify.look(watched);
  if (reloads !== undefined) reloadOnHangUp(reloads, notify, log);
  return () => {
    clearInterval(looking);
    // The handler stays: a hang-up at the end must not end the end.
    notify.stopping();
  };
}

/** One after the other: systemd hears of each, and the last one reads the newest file. */
function reloadOnHangUp({ hangUps, reload }: Reloading, notify: SystemdNotify, log: Log): void {
  let reloading = Promise.resolve();
  const once = async () => {
    notify.reloading();
    await reloadSaying(reload, log);
    notify.ready();
  };
  hangUps.listen(() => (reloading = reloading.then(once)));
}

async function reloadSaying(reload: Reload, log: Log): Promise<void> {
  log.info('reloading the configuration');
  try {
    const { restartFor, flowLogs } = await reload();
    const { created, removed, changed, refusals } = flowLogs;
    for (const { message } of refusals) log.error(message);
    const changes = [
      ...created.map((entry) => `created ${called(entry)}`),
      ...removed.map((entry) => `deleted ${called(entry)}`),
      ...changed.map((entry) => `changed ${called(entry)}`),
    ];
    log.info(`configuration reloaded; flow logs ${changes.join(', ') || 'unchanged'}`);
    if (restartFor.length > 0) {
      log.warn('these options require a restart', { options: restartFor });
    }
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    // The reason is in the message, because a message that repeats within a minute is counted and not written.
    log.error(`configuration reload failed; keeping the current one: ${error.message}`);
  }
}
