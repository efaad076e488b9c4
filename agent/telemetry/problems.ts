/** From the status of an agent to its problems, each with the advice that names the knob to turn. */
import { utcText } from '../model/utc-text.ts';
import type { AgentStatus, InterfaceStatus, Problem } from './agent-status.ts';
import { type DeliveryProblem, deliveryProblems } from './delivery-problems.ts';
import { stateFailure, vanishedLoss } from './state-status.ts';

type Seen = Pick<
  AgentStatus,
  'dataPlane' | 'interfaces' | 'rings' | 'recorder' | 'spool' | 'state' | 'sinks' | 'logService' | 'sandbox'
>;

/** Backlog, as a share of its limit, from which a problem is reported. */
const SPOOL_FULL_SHARE = 0.8;

const MEBIBYTE = 2 ** 20;

/** Of one interface; a recorder that keeps up has one at most. */
const UNWRITTEN_WINDOWS_MAX = 2;

/** Every code, for the page that explains them. */
export const PROBLEM_CODES = {
  'data-plane-stuck': 'error',
  'nothing-captured': 'error',
  'interface-detached': 'error',
  'interface-waiting': 'warning',
  'rings-refused': 'error',
  'spool-failing': 'error',
  'state-gone': 'error',
  'spool-dropping': 'error',
  'delivery-stalled': 'error',
  'windows-unwritten': 'warning',
  'windows-in-memory': 'warning',
  'recovery-failing': 'warning',
  'windows-lost': 'warning',
  'logservice-down': 'warning',
  'exporter-blocked': 'warning',
  'exporter-backing-off': 'warning',
  'spool-filling': 'warning',
  'batches-quarantined': 'warning',
  'records-rejected': 'warning',
  'newer-state': 'warning',
  'sink-unconfigured': 'warning',
  'batches-vanished': 'warning',
  'dropped-by-kernel': 'warning',
  'dropped-by-interface': 'warning',
  'packets-overflowed': 'warning',
  'flows-coarsened': 'warning',
  'verdicts-lost': 'warning',
} as const satisfies Record<string, Problem['severity']>;
export type ProblemCode = keyof typeof PROBLEM_CODES;

/** @param isDropping whether the spool gave up batches lately */
export function problemsOf(seen: Seen, isDropping: boolean): readonly Problem[] {
  const problems = [
    ...dataPlaneProblems(seen),
    ...emptinessProblems(seen),
    ...ringProblems(seen),
    ...unwrittenProblems(seen),
    ...seen.interfaces.flatMap(keepingProblems),
    ...seen.interfaces.flatMap(interfaceProblems),
    ...recoveryProblems(seen),
    ...stateProblems(seen),
    ...spoolProblems(seen, isDropping),
    ...newerProblems(seen),
    ...sinkProblems(seen),
    ...logServiceProblems(seen),
    ...deliveryProblems(seen.sinks, seen.interfaces).map(ofSink),
  ];
  return [
    ...problems.filter(({ severity }) => severity === 'error'),
    ...problems.filter(({ severity }) => severity === 'warning'),
  ];
}

function problem(code: ProblemCode, message: string, advice: string, name: string | null = null): Problem {
  return { severity: PROBLEM_CODES[code], code, interface: name, sink: null, message, advice };
}

function ofSink({ code, ...said }: DeliveryProblem): Problem {
  return { severity: PROBLEM_CODES[code], code, interface: null, ...said };
}

function dataPlaneProblems({ dataPlane }: Seen): readonly Problem[] {
  if (dataPlane.advancing) return [];
  return [
    problem(
      'data-plane-stuck',
      `Capture stalled: no progress of the data plane for ${dataPlane.stalledSeconds} s.`,
      'Restart flowlogd, and report the problem with the log lines before it.',
    ),
  ];
}

function emptinessProblems({ interfaces }: Seen): readonly Problem[] {
  if (interfaces.length > 0) return [];
  return [
    problem(
      'nothing-captured',
      'No interface captured: no flow log is enabled, or none of their interfaces exists.',
      'Add flowLogs to the configuration and reload it, or create or enable one (flowlogd flow-logs); list the interfaces with ip link.',
    ),
  ];
}

function ringProblems({ rings: { refused, refusal } }: Seen): readonly Problem[] {
  if (refused === 0) return [];
  return [
    problem(
      'rings-refused',
      `${refused} interface${refused === 1 ? '' : 's'} not captured, the last one: ${refusal}`,
      'Raise that limit, or observe fewer interfaces; capture starts automatically within the limit.',
    ),
  ];
}

/** A disk that refuses has a problem of its own, with its reason. */
function unwrittenProblems({ interfaces, recorder }: Seen): readonly Problem[] {
  if (recorder.failing !== null) return [];
  return interfaces
    .filter(({ unwrittenWindows }) => unwrittenWindows > UNWRITTEN_WINDOWS_MAX)
    .map(({ interface: name, unwrittenWindows }) =>
      problem(
        'windows-unwritten',
        `${unwrittenWindows} closed windows of ${name} pending: the disk of the state directory is slow or hangs.`,
        'Look at the disk (iostat -x, dmesg); capture continues, and windows are coarsened early when too many are pending.',
        name,
      ),
    );
}

function keepingProblems(one: InterfaceStatus): readonly Problem[] {
  const { interface: name, memoryOnlySinceSeconds: since, memoryOnlyReason: reason } = one;
  if (since === null) return [];
  return [
    problem(
      'windows-in-memory',
      `Open windows of ${name} not persisted since ${utcText(since)}; a crash would lose them: ${reason}`,
      'Free space on the disk of the state directory or repair it, and do not restart flowlogd before; the next window is persisted automatically.',
      name,
    ),
  ];
}

function recoveryProblems({ recorder: { recovered } }: Seen): readonly Problem[] {
  const problems: Problem[] = [];
  if (recovered.failing !== null) {
    problems.push(
      problem(
        'recovery-failing',
        `Windows of a previous run cannot be read and are pending on disk: ${recovered.failing}`,
        'Repair the folder tables of the state directory (owner, mode, disk) and delete nothing in it; the windows are then shipped automatically.',
      ),
    );
  }
  if (recovered.windowsLost + recovered.quarantined > 0) {
    problems.push(
      problem(
        'windows-lost',
        `Corrupt files of earlier runs: ${recovered.quarantined} quarantined, ${recovered.windowsLost} windows lost.`,
        'Check the log for the reasons, and the health of the disk; the files are in tables/quarantine of the state directory.',
      ),
    );
  }
  return problems;
}

function interfaceProblems(one: InterfaceStatus): readonly Problem[] {
  const { interface: name, state, reason, refused, lastWindows } = one;
  const problems: Problem[] = [];
  const sum = (count: (window: (typeof lastWindows)[number]) => number) =>
    lastWindows.reduce((total, window) => total + count(window), 0);
  const found = (code: ProblemCode, packets: number, what: string, advice: string) => {
    if (packets > 0) {
      problems.push(problem(code, `${packets} packets of the last windows of ${name} ${what}.`, advice, name));
    }
  };
  if (state === 'detached' && !refused) {
    problems.push(
      problem(
        'interface-detached',
        `${name} not captured: ${reason ?? 'the capture ended'}.`,
        `Check that the interface exists and is up (ip link show ${name}); capture then resumes automatically.`,
        name,
      ),
    );
  }
  if (state === 'waiting' && !refused) {
    problems.push(
      problem(
        'interface-waiting',
        `${name} not captured yet: ${reason ?? 'it cannot be opened'}`,
        `Bring it up (ip link set ${name} up), or remove it from the flow log; capture starts automatically.`,
        name,
      ),
    );
  }
  found(
    'dropped-by-kernel',
    sum(({ ledger }) => ledger.droppedByKernel),
    'were dropped by the kernel: packet ring full',
    `Raise capture.bufferBytes, and capture.memoryMax where the ring is smaller (${Math.floor(one.ringBytes / MEBIBYTE)} MiB now), or give flowlogd more CPU.`,
  );
  found(
    'dropped-by-interface',
    sum(({ ledger }) => ledger.droppedByInterface),
    'were dropped by the interface',
    `Check ethtool -S ${name} and raise the rings of the device (ethtool -G).`,
  );
  found(
    'packets-overflowed',
    sum(({ ledger }) => ledger.overflowed.packets),
    'were not recorded: limit reached',
    'Check why windows are pending for the disk, and give flowlogd more memory.',
  );
  found(
    'flows-coarsened',
    sum(({ ledger }) => ledger.coarsened.packets),
    'were coarsened: flow table full',
    'Raise table.flowsMax, or exclude the traffic that opens so many flows (exclude.rules).',
  );
  found(
    'verdicts-lost',
    sum(({ ledger }) => ledger.rejectsLost),
    'were rejected by the packet filter but recorded as ACCEPT: NFLOG not read in time',
    'Give flowlogd more CPU, or log fewer rejected packets (limit rate in the rules).',
  );
  return problems;
}

function stateProblems({ state, spool, sandbox }: Seen): readonly Problem[] {
  const gone = stateFailure(state, sandbox.files.limited);
  const loss = vanishedLoss(spool, state);
  return [
    ...(gone === undefined ? [] : [problem('state-gone', gone.message, gone.advice)]),
    ...(loss === undefined ? [] : [problem('batches-vanished', loss.message, loss.advice)]),
  ];
}

function spoolProblems({ recorder, spool }: Seen, isDropping: boolean): readonly Problem[] {
  const problems: Problem[] = [];
  if (recorder.failing !== null) {
    problems.push(
      problem(
        'spool-failing',
        `The spool cannot be written, ${recorder.pendingWindows} windows pending in memory: ${recorder.failing}`,
        'Free space on its disk or repair it. Pending data is flushed automatically.',
      ),
    );
  }
  if (isDropping) {
    problems.push(
      problem(
        'spool-dropping',
        `Spool over its limit: ${spool.evicted.batches} batches with ${spool.evicted.packets} packets evicted since the start, the oldest first.`,
        'Restore delivery, or raise spool.bytesMax or spool.ageSecondsMax.',
      ),
    );
  } else if (spool.bytes > SPOOL_FULL_SHARE * spool.bytesMax) {
    problems.push(
      problem(
        'spool-filling',
        `The spool is ${Math.floor((100 * spool.bytes) / spool.bytesMax)} % full; beyond its limit the oldest batches are evicted.`,
        'Restore delivery, or raise spool.bytesMax.',
      ),
    );
  }
  if (spool.quarantinedBatches > 0) {
    problems.push(
      problem(
        'batches-quarantined',
        `${spool.quarantinedBatches} batches quarantined since the start: undeliverable.`,
        'See the reason of each with: flowlogd spool list --quarantined.',
      ),
    );
  }
  return problems;
}

function logServiceProblems({ logService, spool }: Seen): readonly Problem[] {
  if (logService?.state !== 'down') return [];
  return [
    problem(
      'logservice-down',
      `The embedded log service is down since ${utcText(logService.sinceSeconds)}, ${spool.batches} batches are pending on disk: ${logService.lastError}`,
      `It is restarted automatically; if it ends again, check the log, the disk and the files of ${logService.storeFolder}.`,
    ),
  ];
}

function newerProblems({ spool, recorder: { recovered } }: Seen): readonly Problem[] {
  if (spool.newerBatches + recovered.newer === 0) return [];
  return [
    problem(
      'newer-state',
      `${spool.newerBatches} pending batches and ${recovered.newer} open windows of a newer flowlogd: undeliverable by this version.`,
      'Install that version again to deliver them; until then they are retained on disk, within spool.bytesMax.',
    ),
  ];
}

function sinkProblems({ spool }: Seen): readonly Problem[] {
  return spool.sinks
    .filter(({ configured }) => !configured)
    .map(({ name, batches, quarantineFiles }) => ({
      ...problem(
        'sink-unconfigured',
        `Sink ${name} is not in the configuration: ${batches} batches pending for it, ${quarantineFiles} quarantined.`,
        `Restore it in the configuration to deliver them, or delete them with: flowlogd spool remove ${name}.`,
      ),
      sink: name,
    }));
}
