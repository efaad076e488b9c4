/** `flowlogd replay --to URL`: a log service named on the command line. */
import type { Invocation } from '../cli/command.ts';
import { DEFAULT_BACKOFF } from '../export/backoff.ts';
import { DIRECT_DEFAULTS, DirectDelivery } from '../export/direct.ts';
import { SINK_URL_EXAMPLES, sinkFromUrl } from '../export/sinks.ts';
import { systemTimers } from '../export/timers.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { SinkPlan, TakeLock } from '../model/sink-plan.ts';
import { captureAddonIfBuilt } from '../native/addon.ts';
import { withoutPassword } from '../options/kinds.ts';
import type { ReplayHeader } from '../output/batch-output.ts';
import { DeliveredOutput } from '../output/delivered-output.ts';
import { takeLock } from '../spool/lock-file.ts';

/** @throws OperationalError `usage.invalid` when the URL or the key is incomplete */
export async function deliverTo(invocation: Invocation, header: ReplayHeader): Promise<DeliveredOutput> {
  const plan = parseTarget(invocation.required('to'), invocation.env);
  const addon = captureAddonIfBuilt();
  const lock: TakeLock | undefined = addon && ((path) => takeLock(path, addon.lockFile));
  const sink = await plan.create({ environment: invocation.env, nowMs: Date.now, lock });
  const delivery = new DirectDelivery({
    sink,
    timers: systemTimers,
    random: Math.random,
    backoff: DEFAULT_BACKOFF,
    ...DIRECT_DEFAULTS,
  });
  invocation.signal.addEventListener('abort', () => delivery.abort(), { once: true });
  return new DeliveredOutput(header, delivery, sink);
}

function parseTarget(text: string, environment: Invocation['env']): SinkPlan {
  const url = text === '-' ? 'stdout:' : text;
  const plan = URL.canParse(url) ? sinkFromUrl(new URL(url), environment) : undefined;
  if (plan === undefined) {
    throw new OperationalError(
      'usage.invalid',
      `replay: invalid --to '${withoutPassword(text)}': expected the URL of a log service, such as ${SINK_URL_EXAMPLES}`,
    );
  }
  if ('needs' in plan) throw new OperationalError('usage.invalid', `replay: --to requires ${plan.needs}`);
  return plan;
}
