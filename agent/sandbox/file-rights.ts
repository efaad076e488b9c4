/**
 * The files that an agent may use, as a table for Landlock: what it writes, what it reads again while it runs, and what Node.js, the C
 * library and libpcap read of the host. All else is out of reach, whoever owns it. A rule holds for a folder with what is in it, and
 * for the file that is there now: one that replaces it later is another.
 */
import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { packageRoot } from '../native/addon.ts';

/** linux/landlock.h. Executing is not among those that are handled: whether programs start is a matter of system calls. */
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const READ_DIR = 1 << 3;
const REMOVE = (1 << 4) | (1 << 5);
const MAKE_FOLDER_FILE_SOCKET = (1 << 7) | (1 << 8) | (1 << 9);
const MAKE_SYMLINK = 1 << 12;
/** From one folder into another; what is not handled before version 2 is refused, and a batch is linked into the folder of each sink. */
const REFER = 1 << 13;
const TRUNCATE = 1 << 14;
const IOCTL_DEVICE = 1 << 15;
/** FIFOs, block and character devices. */
const MAKE_DEVICE = (1 << 6) | (1 << 10) | (1 << 11);

const READ = READ_FILE | READ_DIR;
const WRITE = READ | WRITE_FILE | REMOVE | MAKE_FOLDER_FILE_SOCKET | MAKE_SYMLINK | REFER | TRUNCATE;

/** What Linux handles since which version of Landlock. */
const SINCE: readonly (readonly [version: number, rights: number])[] = [
  [1, (WRITE | MAKE_DEVICE) & ~(REFER | TRUNCATE)],
  [2, REFER],
  [3, TRUNCATE],
  [5, IOCTL_DEVICE],
];
/** Linux 5.19. */
export const VERSION_MIN = 2;
const VERSION_SCOPES = 6;
const SCOPE_ABSTRACT_SOCKETS = 1;
const SCOPE_SIGNALS = 2;

/** Programs, libraries, time zones and certificates; what the kernel says of itself; and how names are resolved. */
const OF_THE_HOST: readonly string[] = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/proc',
  '/sys',
  '/dev/null',
  '/dev/random',
  '/dev/urandom',
  '/run/NetworkManager',
  '/run/connman',
  '/run/nscd',
  '/run/resolvconf',
  '/run/systemd',
  '/var/lib/sss',
];
/** What of it is no secret, for root, who may read all of it. */
const OF_ETC: readonly string[] = [
  'ca-certificates',
  'ethers',
  'gai.conf',
  'group',
  'host.conf',
  'hostname',
  'hosts',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'machine-id',
  'networks',
  'nsswitch.conf',
  'os-release',
  'passwd',
  'pki/ca-trust',
  'pki/tls/certs',
  'protocols',
  'resolv.conf',
  'resolvconf/run',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
  'timezone',
].map((name) => `/etc/${name}`);

/** What an agent needs beside that. */
export interface FileNeeds {
  readonly written: readonly string[];
  readonly read: readonly string[];
  /** What is read once, and nothing beside it; of a folder only that it is one. */
  readonly opened?: readonly string[];
}

export interface FileRules {
  readonly handled: number;
  readonly scoped: number;
  readonly paths: readonly string[];
  readonly rights: readonly number[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @param version of Landlock, at least `VERSION_MIN` */
export function fileRules(needs: FileNeeds, version: number, uid: number, environment: Environment): FileRules {
  const handled = SINCE.filter(([since]) => since <= version).reduce((all, [, rights]) => all | rights, 0);
  const read = [...OF_THE_HOST, ...etc(uid), ...ofProgram(environment), ...needs.read.flatMap(foldersOfFile)];
  const opened = (needs.opened ?? []).map((path) => [resolve(path), isFolder(path) ? READ_DIR : READ_FILE] as const);
  const rules = new Map([...opened, ...read.map((path) => [path, READ] as const), ['/dev/null', READ | WRITE_FILE]]);
  for (const path of [...needs.written, environment['NODE_V8_COVERAGE'] ?? '']) if (path !== '') rules.set(path, WRITE);
  return {
    handled,
    scoped: version < VERSION_SCOPES ? 0 : scopes(environment),
    paths: [...rules.keys()],
    rights: [...rules.values()].map((rights) => rights & handled),
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A service manager may listen on an abstract socket. */
function scopes(environment: Environment): number {
  return environment['NOTIFY_SOCKET']?.startsWith('@') === true
    ? SCOPE_SIGNALS
    : SCOPE_SIGNALS | SCOPE_ABSTRACT_SOCKETS;
}

/**
 * Other users read what is no secret anyway. Root could read the rest as well, so it gets single files; a plain resolv.conf, which
 * services of the network replace, would then be lost with the first change, and names with it.
 */
function etc(uid: number): readonly string[] {
  return uid !== 0 || isPlainFile('/etc/resolv.conf') ? ['/etc'] : OF_ETC;
}

function isPlainFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** The package, what is loaded already, which the program that starts anew loads again, and what the environment names. */
function ofProgram(environment: Environment): readonly string[] {
  const words = [...(environment['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv];
  const named = [
    ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'OPENSSL_CONF', 'NODE_ICU_DATA'].map((name) => environment[name] ?? ''),
    ...['SSL_CERT_DIR', 'LD_LIBRARY_PATH', 'NODE_PATH'].flatMap((name) => (environment[name] ?? '').split(delimiter)),
    ...(environment['LD_PRELOAD'] ?? '').split(/[:\s]/),
    ...words.map((word) => word.replace(/^--[\w-]+=/, '').replace(/^file:\/\//, '')),
  ];
  const loaded = readFileSync('/proc/self/maps', 'latin1').matchAll(/ (\/\S.*)$/gm);
  const all = [...packages(packageRoot()), process.execPath, ...[...loaded].map(([, path]) => path!), ...named];
  return [...new Set(all.filter((path) => path !== '' && !path.startsWith('-')).map((path) => resolve(path)))];
}

/** The package, and where Node.js looks for those that it imports: beside it, or above. */
function packages(root: string): readonly string[] {
  const above = root === '/' ? [] : packages(dirname(root)).filter((path) => path.endsWith('/node_modules'));
  return [realPath(root), realPath(join(root, 'node_modules')), ...above];
}

/**
 * A file that is read again may be another by then: editors and secrets of Kubernetes replace it, by way of its folder. So the folder
 * is read where it is one of its own, and the file alone where that is a folder of everything, such as /etc or a home.
 */
function foldersOfFile(path: string): readonly string[] {
  const places = [resolve(path), realPath(path)].map((place) => {
    const folder = dirname(place);
    return isOfEverything(folder) ? place : folder;
  });
  return [...new Set(places)];
}

const HOME = /^\/(?:home|var|usr)\/[^/]+$/;
const STICKY = 0o1000;

function isOfEverything(folder: string): boolean {
  const isShared = ((statSync(folder, { throwIfNoEntry: false })?.mode ?? 0) & STICKY) !== 0;
  return isShared || HOME.test(folder) || folder.split('/').length <= 2;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
