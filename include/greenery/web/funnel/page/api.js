// Asks the API. An answer that is no longer wanted is dropped.

export class SignedOut extends Error {}
export class Refused extends Error {}

const running = new Map();

/** Return the answer of a path; a new request for the same part of the page ends the one before. */
export async function ask(part, path, parameters) {
  running.get(part)?.abort();
  const control = new AbortController();
  running.set(part, control);
  const query = parameters?.toString();
  const response = await fetch(`api/${path}${query ? `?${query}` : ""}`, { signal: control.signal, headers: { Accept: "application/json" } });
  if (response.status === 401) throw new SignedOut("Your session has ended.");
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({ detail: `The server answered ${response.status}.` }));
  const detail = Array.isArray(problem.detail) ? problem.detail.map((one) => one.msg).join(" ") : problem.detail;
  throw new Refused(response.status === 403 ? "You may not see the weekly DAG, so you may not see its figures. Ask an administrator of Airflow." : detail);
}

export const isAborted = (error) => error.name === "AbortError";
