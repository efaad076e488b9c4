/** From what is seen of an agent to what is wrong with it, and what to do: each problem names the knob to turn. */
import { utcText } from '../model/utc-text.ts';
import type { AgentStatus, InterfaceStatus, Problem } from './agent-status.ts';
import { type DeliveryProblem, deliveryProblems } from './delivery-problems.ts';
import { stateFailure, vanishedLoss } from './state-status.ts';

type Seen = Pick<
  AgentStatus,
  'dataPlane' | 'interfaces' | 'rings' | 'recorder' | 'spool' | 'state' | 'sinks' | 'logService'
>;

/** A backlog of this share of its bound is worth a word. */
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
      `The data plane has not advanced for ${dataPlane.stalledSeconds} s: nothing is captured.`,
      'Restart flowlogd, and report it with the lines of the log before this.',
    ),
  ];
}

function emptinessProblems({ interfaces }: Seen): readonly Problem[] {
  if (interfaces.length > 0) return [];
  return [
    problem(
      'nothing-captured',
      'No interface is captured: no flow log is enabled, or none of their interfaces exists.',
      'Write flowLogs into the configuration and reload it, or create or enable one (flowlogd flow-logs); ip link shows the interfaces.',
    ),
  ];
}

function ringProblems({ rings: { refused, refusal } }: Seen): readonly Problem[] {
  if (refused === 0) return [];
  return [
    problem(
      'rings-refused',
      `${refused} interface${refused === 1 ? ' is' : 's are'} not captured, the last because: ${refusal}`,
      'Raise the limit that it names, or observe fewer interfaces; they are captured as soon as there is room.',
    ),
  ];
}

/** Where the disk refuses that is said already, with its reason. */
function unwrittenProblems({ interfaces, recorder }: Seen): readonly Problem[] {
  if (recorder.failing !== null) return [];
  return interfaces
    .filter(({ unwrittenWindows }) => unwrittenWindows > UNWRITTEN_WINDOWS_MAX)
    .map(({ interface: name, unwrittenWindows }) =>
      problem(
        'windows-unwritten',
        `${unwrittenWindows} closed windows of ${name} are not written yet: the disk of the state directory is slow, or hangs.`,
        'Look at the disk (iostat -x, dmesg); capture goes on, and windows are coarsened early when too many wait.',
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
      `Windows of ${name} are in memory alone since ${utcText(since)}, a kill or crash would lose what they count: ${reason}`,
      'Make room on the disk of the state directory or repair it, and kill nothing meanwhile; the next window is on disk again by itself.',
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
        `Windows that an earlier run may have left open cannot be read, they wait on disk: ${recovered.failing}`,
        'Repair the folder tables of the state directory (owner, mode, disk); they are shipped by themselves, delete nothing there.',
      ),
    );
  }
  if (recovered.windowsLost + recovered.quarantined > 0) {
    problems.push(
      problem(
        'windows-lost',
        `Of what an earlier run left open ${recovered.quarantined} files could not be believed, ${recovered.windowsLost} windows are lost.`,
        'See the log for the reason of each, and the health of the disk; the files are in tables/quarantine of the state directory.',
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
        `${name} is not captured: ${reason ?? 'the capture ended'}.`,
        `See whether the interface is there and up (ip link show ${name}); capture goes on by itself when it is.`,
        name,
      ),
    );
  }
  if (state === 'waiting' && !refused) {
    problems.push(
      problem(
        'interface-waiting',
        `${name} is not captured yet: ${reason ?? 'it cannot be opened'}`,
        `Bring it up (ip link set ${name} up), or take it out of the flow log; capture begins by itself.`,
        name,
      ),
    );
  }
  found(
    'dropped-by-kernel',
    sum(({ ledger }) => ledger.droppedByKernel),
    'were dropped by the kernel because the packet ring was full',
    `Raise capture.bufferBytes, and capture.memoryMax where the ring is smaller (${Math.floor(one.ringBytes / MEBIBYTE)} MiB now), or give flowlogd more CPU.`,
  );
  found(
    'dropped-by-interface',
    sum(({ ledger }) => ledger.droppedByInterface),
    'were dropped by the interface',
    `Look at ethtool -S ${name} and raise the rings of the device (ethtool -G).`,
  );
  found(
    'packets-overflowed',
    sum(({ ledger }) => ledger.overflowed.packets),
    'are in no record because a bound was met',
    'See why windows wait for the disk, and give flowlogd more memory.',
  );
  found(
    'flows-coarsened',
    sum(({ ledger }) => ledger.coarsened.packets),
    'are in coarser records because the flow table was full',
    'Raise table.flowsMax, or exclude what makes so many flows (exclude.rules).',
  );
  found(
    'verdicts-lost',
    sum(({ ledger }) => ledger.rejectsLost),
    'were rejected by the packet filter and are taken for accepted, because its log was not read in time',
    'Give flowlogd more CPU, or log less of what is rejected (limit rate in the rules).',
  );
  return problems;
}

function stateProblems({ state, spool }: Seen): readonly Problem[] {
  const gone = stateFailure(state);
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
        `The spool cannot be written, ${recorder.pendingWindows} windows wait in memory: ${recorder.failing}`,
        'Make room on its disk or repair it; flowlogd writes what waits by itself.',
      ),
    );
  }
  if (isDropping) {
    problems.push(
      problem(
        'spool-dropping',
        `The spool evicts its oldest batches: ${spool.evicted.batches} with ${spool.evicted.packets} packets since the start.`,
        'See why they are not delivered, or raise spool.bytesMax or spool.ageSecondsMax.',
      ),
    );
  } else if (spool.bytes > SPOOL_FULL_SHARE * spool.bytesMax) {
    problems.push(
      problem(
        'spool-filling',
        `The spool is ${Math.floor((100 * spool.bytes) / spool.bytesMax)} % full; over its bound the oldest batches go.`,
        'See why they are not delivered, or raise spool.bytesMax.',
      ),
    );
  }
  if (spool.quarantinedBatches > 0) {
    problems.push(
      problem(
        'batches-quarantined',
        `${spool.quarantinedBatches} batches moved to quarantine since the start: they cannot be delivered.`,
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
      `It is restarted automatically; if it ends again, see the log, and the disk and the files of ${logService.storeFolder}.`,
    ),
  ];
}

function newerProblems({ spool, recorder: { recovered } }: Seen): readonly Problem[] {
  if (spool.newerBatches + recovered.newer === 0) return [];
  return [
    problem(
      'newer-state',
      `A newer flowlogd wrote ${spool.newerBatches} pending batches and left ${recovered.newer} open windows: this version cannot deliver them.`,
      'Install that version again to deliver them; until then they stay on disk, within spool.bytesMax.',
    ),
  ];
}

function sinkProblems({ spool }: Seen): readonly Problem[] {
  return spool.sinks
    .filter(({ configured }) => !configured)
    .map(({ name, batches, quarantineFiles }) => ({
      ...problem(
        'sink-unconfigured',
        `${batches} batches are pending and ${quarantineFiles} quarantined for the sink ${name}, which is not in the configuration.`,
        `Name it in the configuration again to deliver them, or delete them with: flowlogd spool remove ${name}.`,
      ),
      sink: name,
    }));
}
