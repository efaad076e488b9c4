/** A running agent and the service manager that started it: systemd's messages out, SIGHUP in. */
import type { ProcessAddon } from './capture/addon.ts';
import { OperationalError } from './model/operational-error.ts';
import type { Supervisor } from './supervisor.ts';
import type { Log } from './telemetry/log.ts';
import { SystemdNotify, statusLine } from './telemetry/systemd-notify.ts';

/** Reads the configuration again and answers what SIGHUP changed. @throws OperationalError when it is not valid */
export type Reload = () => ReloadOutcome;

export interface ReloadOutcome {
  /** Options that count from the next start only. */
  readonly restartFor: readonly string[];
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
    onFailure: (reason) => log.warn('the service manager cannot be told how the agent does', { reason }),
  });
}

/** From now on systemd knows how the agent does, and SIGHUP reloads; answers what ends that. */
export function serveManager(
  supervisor: Pick<Supervisor, 'progress' | 'status'>,
  notify: SystemdNotify,
  reload: Reload | undefined,
  log: Log,
): () => void {
  const watched = { progress: () => supervisor.progress, line: () => statusLine(supervisor.status.read()) };
  const looking = notify.isHeard ? setInterval(() => notify.look(watched), notify.lookMs) : undefined;
  const hangUp = () => {
    notify.reloading();
    if (reload !== undefined) reloadSaying(reload, log);
    notify.ready();
  };
  if (reload !== undefined) process.on('SIGHUP', hangUp);
  notify.ready();
  if (notify.isHeard) notify.look(watched);
  return () => {
    clearInterval(looking);
    // The handler stays: a hang-up at the end must not end the end.
    notify.stopping();
  };
}

function reloadSaying(reload: Reload, log: Log): void {
  try {
    const { restartFor } = reload();
    if (restartFor.length === 0) log.info('the configuration was read again');
    else
      log.warn('the configuration was read again; these options count from the next start: restart flowlogd', {
        options: restartFor,
      });
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    log.error('the configuration was not reloaded, and the agent goes on as it is', { reason: error.message });
  }
}
