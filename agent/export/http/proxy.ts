/** Through which proxy an endpoint is reached: the configuration says so, or the environment, as curl(1) reads it. */
import { BlockList, isIP } from 'node:net';
import { OperationalError } from '../../model/operational-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param configured `none`: no proxy, whatever the environment says
 * @param advice where that is said, for who reads an error
 * @throws OperationalError `config.invalid`
 */
export function proxyFor(
  endpoint: URL,
  configured: URL | 'none' | undefined,
  environment: Environment,
  advice = 'set proxy: none in the options of the sink',
): URL | undefined {
  const host = bare(endpoint.hostname);
  if (configured === 'none' || isLoopback(host)) return undefined;
  if (configured !== undefined) return configured;
  const name = `${endpoint.protocol.slice(0, -1)}_proxy`;
  const [variable, text] = read(environment, name);
  if (text === undefined || isExcepted(endpoint, read(environment, 'no_proxy')[1] ?? '')) return undefined;
  return parseProxy(text) ?? refuse(variable, advice);
}

/** `http://user:password@host:port`; a text without a scheme is one of HTTP. */
export function parseProxy(text: string): URL | undefined {
  const url = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url)) return undefined;
  const proxy = new URL(url);
  const isOrigin = proxy.pathname === '/' && proxy.search === '' && proxy.hash === '';
  return /^https?:$/.test(proxy.protocol) && isOrigin && proxy.hostname !== '' ? proxy : undefined;
}

/** For people: without user and password. */
export function shownProxy(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}

/** The value of `Proxy-Authorization`; undefined where the URL names no user. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')}`;
}

/** What of a proxy's URL must never be shown, in every spelling that an answer could repeat. */
export function proxySecrets(proxy: URL): readonly string[] {
  const token = proxyAuthorization(proxy)?.slice('Basic '.length);
  return [token ?? '', proxy.password, decode(proxy.password)].filter((secret) => secret !== '');
}

function read(environment: Environment, name: string): [variable: string, text: string | undefined] {
  const variable = environment[name] ? name : name.toUpperCase();
  return [variable, environment[variable]?.trim() || undefined];
}

function refuse(variable: string, advice: string): never {
  throw new OperationalError(
    'config.invalid',
    `The variable ${variable} names no HTTP proxy: expected http://host:port or https://host:port. Correct it, or ${advice}.`,
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127\.[\d.]+$/.test(host);
}

/** `NO_PROXY`: names with all below them, addresses, networks, each with a port or without; `*` is everything. */
function isExcepted(endpoint: URL, list: string): boolean {
  const host = bare(endpoint.hostname);
  const port = endpoint.port || (endpoint.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((entry) => {
    const [, name = '', only] =
      /^(\[[^\]]*\]|[^:]*|[\da-f:.]*:[\da-f:.]*:[\da-f:.]*(?:\/\d+)?)(?::(\d+))?$/i.exec(entry) ?? [];
    return (only === undefined || only === port) && (name === '*' || covers(bare(name.toLowerCase()), host));
  });
}

function covers(name: string, host: string): boolean {
  if (name === '') return false;
  if (isIP(host) !== 0) return name === host || isInNetwork(name, host);
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
  const plain = host.replace(/\.$/, '');
  return plain === domain || plain.endsWith(`.${domain}`);
}

function isInNetwork(network: string, host: string): boolean {
  const [address = '', prefix = ''] = network.split('/');
  const family = isIP(address);
  if (family === 0 || family !== isIP(host)) return false;
  const bits = prefix === '' ? (family === 4 ? 32 : 128) : Number(prefix);
  if (!Number.isInteger(bits) || bits < 0 || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
