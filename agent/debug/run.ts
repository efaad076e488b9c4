/**
 * `flowlogd debug`: the data plane without recorder, spool and log service; its windows are added up, shown and forgotten. How
 * a run goes stands here, what it is made of in debug/.
 */
import { once } from 'node:events';
import { hostname, setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Invocation } from '../cli/command.ts';
import { FlowTally } from '../live-table/flow-tally.ts';
import type { LiveContext } from '../live-table/live-table.ts';
import { startRotation } from '../meter/rotation.ts';
import { EXIT } from '../model/operational-error.ts';
import { isNewFile } from '../output/byte-destination.ts';
import { ReportOutput } from '../output/report-output.ts';
import { formatLedger } from '../record/ledger-text.ts';
import { visible } from '../terminal/visible-text.ts';
import { type RunningDataPlane, startDataPlane } from '../threads/start-data-plane.ts';
import { createPresenter } from './choose-presenter.ts';
import { annotateForTable } from './known-records.ts';
import { beginText, eventText, programTitle, writingText } from './messages.ts';
import { Notices } from './notices.ts';
import { createSetup, type DebugPlan, readPlan } from './plan.ts';
import type { Presenter } from './presenter.ts';
import { programProblem, startProgram, type TracedProgram } from './traced-program.ts';
import { readWindows } from './windows.ts';

/** The last packets of a program may still be on their way when it has ended. */
const PROGRAM_GRACE_MS = 500;
/** nice(2) of a run beside a daemon. */
const LOW_PRIORITY = 10;

/** What belongs to one run. */
interface Run {
  readonly plan: DebugPlan;
  readonly plane: RunningDataPlane;
  readonly tally: FlowTally;
  readonly presenter: Presenter;
  readonly report: ReportOutput | undefined;
  /** Undefined where none is traced. */
  readonly program: TracedProgram | undefined;
  /** Somebody wants it to end. */
  readonly over: AbortSignal;
}

/**
 * @param interfaceNames the interfaces to capture on, which are there
 * @param neighbour what is to be said of a daemon on this host; undefined without one
 */
export async function runDebug(
  invocation: Invocation,
  interfaceNames: readonly string[],
  neighbour: string | undefined,
): Promise<number> {
  // Asked for before anything starts: from then on Ctrl-C ends it in good order.
  void invocation.signal;
  const plan = readPlan(invocation, interfaceNames);
  const notices = new Notices(invocation.stderr);
  const { notify } = notices;
  const [programName] = plan.program;
  const problem = programName === undefined ? undefined : programProblem(programName, invocation.env['PATH']);
  if (problem !== undefined) {
    notify(problem.problem);
    return problem.exitCode;
  }
  notify(neighbour);
  // A program would inherit the priority, and behave otherwise than without us.
  if (neighbour !== undefined && plan.program.length === 0) setPriority(LOW_PRIORITY);
  const mayRemove = plan.htmlPath !== undefined && isNewFile(plan.htmlPath);
  const report = createReport(plan);
  try {
    return await capture(invocation, plan, { report, mayRemove, notices, neighbour });
  } catch (error) {
    await report?.abandon();
    throw error;
  }
}

/** What a run says beside its records, and where. */
interface Beside {
  readonly report: ReportOutput | undefined;
  /** Whether the report is a new file. */
  readonly mayRemove: boolean;
  readonly notices: Notices;
  readonly neighbour: string | undefined;
}

async function capture(invocation: Invocation, plan: DebugPlan, beside: Beside): Promise<number> {
  const { signal, stderr } = invocation;
  const { report, mayRemove, notices, neighbour } = beside;
  const { notify } = notices;
  const plane = startDataPlane(createSetup(plan), plan.engine, (point, event) => notify(eventText(point, event)));
  notify(plan.engineLimit);
  for (const limit of await plane.ready) notify(limit);
  // By now all is open. A program is the user's own, and may need what we do not.
  if (plan.program.length === 0 && !mayRemove) await invocation.limitFiles([]);
  const program = plan.program.length === 0 ? undefined : startTraced(plan, invocation);
  const failed = await program?.failed;
  if (failed !== undefined) {
    await endUnread(plan, plane);
    await report?.abandon();
    notify(failed.problem);
    return failed.exitCode;
  }
  stderr.write(`${visible(beginText(plan))}\n`);

  const quit = new AbortController();
  const tally = new FlowTally(plan.windowSeconds, Date.now() / 1000);
  const context = () => contextOf(plan, tally, [neighbour, programTitle(plan), writingText(plan), notices.latest]);
  const presenter = createPresenter(invocation, plan, tally, context, () => quit.abort());
  const over = AbortSignal.any([signal, quit.signal]);
  await watch({ plan, plane, tally, presenter, report, program, over }, notices);
  tally.end(Date.now() / 1000);
  await presenter.end();
  await report?.end(tally.observedSeconds);
  stderr.write(formatLedger(tally.ledger, tally, plan.color && stderr.isTTY));
  notify(writingText(plan));
  return program === undefined ? EXIT.ok : await endProgram(program, over);
}

/** From the first packet to the last; the terminal is given back whatever happens. */
async function watch(run: Run, notices: Notices): Promise<void> {
  const { plan, plane, tally, presenter, report, program, over } = run;
  if (plan.format === 'live') notices.hold();
  presenter.begin();
  // Rows of records have what is known of them by their fields.
  const annotate = plan.format === 'text' || plan.format === 'ndjson' ? undefined : annotateForTable();
  try {
    const read = readWindows(plane, plan.interfaceNames.length, {
      async window(point, window) {
        tally.add(point.interfaceName, window, annotate?.(point, window));
        report?.write(window);
        await presenter.window(point, window);
      },
      refresh: () => presenter.refresh(),
    });
    const endRotation = startRotation(plane.control, Date.now);
    await Promise.race([untilOver(over, plan.durationSeconds, program), read]);
    endRotation();
    plane.control.requestStop();
    tally.stop(Date.now() / 1000);
    await read;
    await plane.ended;
  } finally {
    presenter.close();
    notices.release();
  }
}

/** Nobody wants to know what was captured so far. */
async function endUnread({ interfaceNames }: DebugPlan, plane: RunningDataPlane): Promise<void> {
  plane.control.requestStop();
  await readWindows(plane, interfaceNames.length, { window: () => undefined, refresh: () => undefined });
  await plane.ended;
}

function createReport(plan: DebugPlan): ReportOutput | undefined {
  const { htmlPath, windowSeconds, interfaceNames, filter } = plan;
  if (htmlPath === undefined) return undefined;
  const title = programTitle(plan);
  const details = [`on ${hostname()}`, ...(filter === '' ? [] : [`filter: ${filter}`]), ...(title ? [title] : [])];
  return new ReportOutput(htmlPath, windowSeconds, { subject: interfaceNames.join(', '), details });
}

function contextOf(plan: DebugPlan, tally: FlowTally, notes: readonly (string | undefined)[]): LiveContext {
  const elapsedSeconds = (tally.endedAt ?? Date.now() / 1000) - tally.startedAt;
  return {
    interfaceNames: plan.interfaceNames,
    hasRejects: plan.rejectGroup !== undefined,
    elapsedSeconds,
    secondsLeft: tally.isOver ? undefined : plan.durationSeconds - elapsedSeconds,
    notes: notes.filter((note) => note !== undefined),
  };
}

function startTraced({ program }: DebugPlan, { stdin }: Invocation): TracedProgram {
  return startProgram(program, 'isTTY' in stdin && stdin.isTTY === true);
}

/** Until somebody wants an end, the time is over, or the program has ended and its last packets have come. */
async function untilOver(over: AbortSignal, seconds: number, program: TracedProgram | undefined): Promise<void> {
  if (over.aborted) return;
  const settled = new AbortController();
  const { signal } = settled;
  const programEnd = program?.ended.then(() => wait(PROGRAM_GRACE_MS, undefined, { signal }));
  await Promise.race([
    once(over, 'abort', { signal }),
    wait(seconds * 1000, undefined, { signal }),
    ...(programEnd === undefined ? [] : [programEnd]),
  ]);
  settled.abort();
}

/** A program outlives the capture where time ran out; only somebody who ended the run ends it, too. */
async function endProgram(program: TracedProgram, over: AbortSignal): Promise<number> {
  if (over.aborted) program.stop();
  else over.addEventListener('abort', () => program.stop());
  return (await program.ended).exitCode;
}
