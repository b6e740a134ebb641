/** The same request as a command of curl and as a program in Python. */

/** Return a command for a POSIX shell; the body is not quoted, whatever it holds. */
export function asCurl({ url, body, accept, needsKey }) {
  const options = ['curl -s', quoted(url)];
  if (needsKey) options.push('-H "X-API-Key: $VAE_API_KEY"');
  if (accept !== 'application/json') options.push(`-H 'Accept: ${accept}' -o ${fileName(accept)}`);
  if (body === undefined) return options.join(' ');
  options.push("-H 'Content-Type: application/json' --data-binary @- <<'JSON'");
  return `${options.join(' ')}\n${JSON.stringify(body)}\nJSON\n`;
}

/** Return a program that needs the standard library only. */
export function asPython({ url, body, accept, needsKey }) {
  const isJson = accept === 'application/json';
  const imports = ['import urllib.request'];
  if (needsKey) imports.unshift('import os');
  if (isJson || body !== undefined) imports.unshift('import json');
  const headers = { Accept: JSON.stringify(accept) };
  if (needsKey) headers['X-API-Key'] = 'os.environ["VAE_API_KEY"]';
  const lines = [...imports, ''];
  const values = [JSON.stringify(url)];
  if (body !== undefined) {
    headers['Content-Type'] = '"application/json"';
    lines.push(`body = ${pythonLiteral(body)}`);
    values.push('data=json.dumps(body).encode()');
  }
  const pairs = Object.entries(headers).map(([name, value]) => `"${name}": ${value}`);
  lines.push(`headers = {${pairs.join(', ')}}`);
  lines.push(`request = urllib.request.Request(${values.join(', ')}, headers=headers)`);
  lines.push('with urllib.request.urlopen(request) as response:');
  if (isJson) lines.push('    print(json.dumps(json.load(response), indent=2))');
  else {
    lines.push(`    with open("${fileName(accept)}", "wb") as file:`);
    lines.push('        file.write(response.read())');
  }
  return `${lines.join('\n')}\n`;
}

export function fileName(accept) {
  return `picture.${accept.split('/')[1]}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Return a JSON value as Python writes it; its strings are written as in JSON. */
export function pythonLiteral(value) {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(
      ([name, item]) => `${JSON.stringify(name)}: ${pythonLiteral(item)}`,
    );
    return `{${pairs.join(', ')}}`;
  }
  return JSON.stringify(value);
}

const LONG = 60;

/** Return JSON for people: long strings are shortened, lists of numbers on one line. */
export function readableJson(value) {
  const shortened = (_, item) =>
    typeof item === 'string' && item.length > LONG
      ? `${item.slice(0, 24)}… (${item.length.toLocaleString('en')} characters)`
      : item;
  const text = JSON.stringify(value, shortened, 2) ?? '';
  return text.replace(/\[[\s\d.,eE+-]*\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  );
}
