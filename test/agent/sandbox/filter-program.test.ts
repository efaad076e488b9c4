import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { filterProgram } from '../../../agent/sandbox/filter-program.ts';
import {
  type Architecture,
  MAKES_NO_RING,
  numberOf,
  type Refusal,
  refusals,
  SYSTEM_CALLS,
  type SystemCall,
} from '../../../agent/sandbox/system-calls.ts';

const PID = 4711;
const OTHER_PID = 4712;
const ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const ALLOWED = 'allowed';

/** Runs a program as the kernel does, and answers `allowed` or the errno. */
function answer(program: Uint8Array, auditArchitecture: number, call: number, values: readonly number[] = []): string {
  const view = new DataView(program.buffer);
  const seen = new DataView(new ArrayBuffer(64));
  seen.setInt32(0, call, true);
  seen.setUint32(4, auditArchitecture, true);
  for (const [at, value] of values.entries()) seen.setBigInt64(16 + 8 * at, BigInt(value), true);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = view.getUint16(at * 8, true);
    const operand = view.getUint32(at * 8 + 4, true);
    const jump = (isTrue: boolean) => view.getUint8(at * 8 + (isTrue ? 2 : 3));
    if (code === 0x06) return operand === 0x7fff0000 ? ALLOWED : `errno ${operand & 0xffff}`;
    if (code === 0x20) accumulator = seen.getUint32(operand, true);
    else if (code === 0x15) at += jump(accumulator === operand);
    else if (code === 0x45) at += jump((accumulator & operand) !== 0);
    else if (code === 0x35) at += jump(accumulator >= operand);
    else throw new Error(`no instruction: ${code}`);
  }
  throw new Error('the program ran over its end');
}

function asked(architecture: Architecture, startsPrograms: boolean, hasRings = false) {
  const program = filterProgram(refusals({ pid: PID, startsPrograms, hasRings }), architecture);
  return (call: SystemCall, ...values: readonly number[]) =>
    answer(program, ARCHITECTURES[architecture], numberOf(call, architecture)!, values);
}

const EPERM = 'errno 1';
const ENOSYS = 'errno 38';

describe.each(['x64', 'arm64'] as const)('the filter of system calls on %s', (architecture) => {
  const isKnown = (call: SystemCall) => numberOf(call, architecture) !== undefined;
  const whole = (list: readonly Refusal[]) =>
    list
      .filter(({ when }) => when === undefined)
      .flatMap(({ calls, error = 1 }) => calls.map((call) => ({ call, error })));

  test.each([true, false])('refuses each call of the table, and no other (programs: %s)', (programs) => {
    const table = refusals({ pid: PID, startsPrograms: programs, hasRings: false });
    const ask = asked(architecture, programs);
    for (const { call, error } of whole(table))
      if (isKnown(call)) expect([call, ask(call)]).toEqual([call, `errno ${error}`]);
    const named = new Set(table.flatMap(({ calls }) => calls.map((call) => numberOf(call, architecture))));
    const program = filterProgram(table, architecture);
    for (let number = 0; number < 600; number++) {
      if (named.has(number)) continue;
      expect([number, answer(program, ARCHITECTURES[architecture], number)]).toEqual([number, ALLOWED]);
    }
  });

  test('lets threads be made, and neither namespaces nor, without programs to start, processes', () => {
    const THREAD = 0x3d0f00;
    const SPAWN = 0x4111;
    expect(asked(architecture, false)('clone', THREAD)).toBe(ALLOWED);
    expect(asked(architecture, false)('clone', SPAWN)).toBe(EPERM);
    expect(asked(architecture, true)('clone', SPAWN)).toBe(ALLOWED);
    for (const flag of [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(asked(architecture, true)('clone', THREAD | flag)).toBe(EPERM);
    }
    expect(asked(architecture, true)('clone3')).toBe(ENOSYS);
  });

  test('makes no ring of asynchronous calls and uses none, but leaves libuv those that it has', () => {
    const calls = ['io_uring_setup', 'io_uring_register', 'io_uring_enter'] as const;
    expect(calls.map((call) => asked(architecture, false)(call))).toEqual([ENOSYS, ENOSYS, ENOSYS]);
    expect(calls.map((call) => asked(architecture, false, true)(call))).toEqual([ENOSYS, ENOSYS, ALLOWED]);
  });

  test('has a libuv that starts anew make no ring, and all else as before', () => {
    const program = filterProgram(MAKES_NO_RING, architecture);
    const answers = SYSTEM_CALLS.filter(isKnown).map((call) => [
      call,
      answer(program, ARCHITECTURES[architecture], numberOf(call, architecture)!),
    ]);
    expect(answers.filter(([, result]) => result !== ALLOWED)).toEqual([['io_uring_setup', ENOSYS]]);
  });

  test('lets the process signal itself alone', () => {
    const ask = asked(architecture, false);
    for (const call of ['kill', 'tgkill'] as const) {
      expect([ask(call, PID), ask(call, OTHER_PID), ask(call, -1), ask(call, 0)]).toEqual([
        ALLOWED,
        EPERM,
        EPERM,
        EPERM,
      ]);
    }
    expect([ask('prlimit64', 0), ask('prlimit64', PID), ask('prlimit64', OTHER_PID)]).toEqual([
      ALLOWED,
      ALLOWED,
      EPERM,
    ]);
    expect(asked(architecture, true)('kill', OTHER_PID)).toBe(ALLOWED);
  });

  test('lets no descriptor signal another process', () => {
    const ask = asked(architecture, false);
    const [SETFL, SETOWN, SETOWN_EX, FIOSETOWN, FIONBIO] = [4, 8, 15, 0x8901, 0x5421];
    expect([SETFL, SETOWN, SETOWN_EX].map((command) => ask('fcntl', 0, command))).toEqual([ALLOWED, EPERM, EPERM]);
    expect([FIOSETOWN, FIONBIO].map((request) => ask('ioctl', 0, request))).toEqual([EPERM, ALLOWED]);
  });

  test('knows the sockets of capture and delivery', () => {
    const ask = asked(architecture, false);
    const families = Array.from({ length: 50 }, (_, family) => family).filter(
      (family) => ask('socket', family) === ALLOWED,
    );
    expect(families).toEqual([1, 2, 10, 16, 17]);
    const protocols = Array.from({ length: 30 }, (_, protocol) => protocol);
    expect(protocols.filter((protocol) => ask('socket', 16, 3, protocol) === ALLOWED)).toEqual([0, 12]);
    expect(protocols.every((protocol) => ask('socket', 2, 1, protocol) === ALLOWED)).toBe(true);
    expect(ask('socketpair', 1)).toBe(ALLOWED);
  });

  test('refuses a terminal what types into it, and nothing else', () => {
    const ask = asked(architecture, false);
    expect([0x5412, 0x541c, 0x5423].map((request) => ask('ioctl', 0, request))).toEqual([EPERM, EPERM, EPERM]);
    expect(
      [0x5401, 0x5413, 0x5421, 0x8927].map((request) => ask('ioctl', 0, request)).every((one) => one === ALLOWED),
    ).toBe(true);
  });

  test('refuses what comes in by the numbers of another architecture', () => {
    const program = filterProgram(refusals({ pid: PID, startsPrograms: true, hasRings: false }), architecture);
    expect(answer(program, 0x40000003, 5)).toBe(ENOSYS);
    expect(answer(program, ARCHITECTURES[architecture], 0x40000000)).toBe(ENOSYS);
  });
});

/** As the headers of the kernel number them, for what they know. */
function numbersOf(header: string, ...defines: readonly string[]): ReadonlyMap<string, number> {
  const text = [...defines.map((name) => `#define ${name}`), `#include <${header}>`].join('\n');
  const macros = execFileSync('cc', ['-E', '-dM', '-'], { input: text, encoding: 'utf8' });
  const known = macros.matchAll(/^#define __NR3?264_?(\w+) (\d+)$|^#define __NR_(\w+) (\d+)$/gm);
  return new Map(
    [...known].map(([, other, otherNumber, name, number]) => [name ?? other!, Number(number ?? otherNumber)]),
  );
}

test.skipIf(process.arch !== 'x64')('the numbers are those of the kernel', () => {
  const x64 = numbersOf('asm/unistd_64.h');
  const arm64 = numbersOf('asm-generic/unistd.h', '__ARCH_WANT_MEMFD_SECRET', '__ARCH_WANT_SYS_CLONE3');
  // Of a kernel newer than the headers of the oldest system that we build on.
  const recent = ['open_tree_attr'];
  for (const call of SYSTEM_CALLS) {
    if (recent.includes(call)) continue;
    expect([call, numberOf(call, 'x64')]).toEqual([call, x64.get(call)]);
    expect([call, numberOf(call, 'arm64')]).toEqual([call, arm64.get(call)]);
  }
});
