// The official clients of JavaScript read the answers with which the tests of providers work, and keep files
// at the servers with which tests of files work.
//
// usage: node clients.mjs FOLDER_OF_CLIENTS FOLDER_OF_GOLDEN_FILES TEST_SERVER

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const [, , folder, golden, testServer] = process.argv;
const load = createRequire(path.resolve(folder, 'package.json'));
const OpenAI = load('openai');
const Anthropic = load('@anthropic-ai/sdk');
const { GoogleGenAI } = load('@google/genai');

let passed = 0;
let failed = 0;

// Counts a case; what a client throws is not right.
async function check(name, isRight) {
    let right = false;
    try {
        right = await isRight();
    } catch (error) {
        console.log(`  ${name}: ${error.name}: ${error.message}`);
    }
    right ? (passed += 1) : (failed += 1);
    if (!right) console.log(`  ${name}: NOT as expected`);
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// A server that gives the answer that is set.
const answer = { status: 200, type: 'text/event-stream', body: Buffer.alloc(0) };
const peer = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => {
        response.writeHead(answer.status, { 'content-type': answer.type });
        response.end(answer.body);
    });
});
peer.listen(0, '127.0.0.1');
await once(peer, 'listening');
const url = `http://127.0.0.1:${peer.address().port}`;

const stream = (name) =>
    Object.assign(answer, { status: 200, type: 'text/event-stream', body: readFileSync(path.join(golden, name)) });
const give = (status, value) =>
    Object.assign(answer, { status, type: 'application/json', body: JSON.stringify(value) });

const openai = new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0 });
const gemini = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } });

async function responses(name, kinds, items) {
    stream(name);
    const done = [];
    let last;
    for await (const event of await openai.responses.create({ model: 'm', input: 'x', stream: true })) {
        last = event;
        if (event.type === 'response.output_item.done') done.push(event.item.type);
    }
    const output = last.response.output;
    const images = output.filter((item) => item.type === 'image_generation_call');
    return (
        last.type === 'response.completed' &&
        same(done, kinds) &&
        output.length === items &&
        images.length > 0 &&
        images.every((item) => Buffer.from(item.result, 'base64').length > 0)
    );
}

async function wholeResponse() {
    Object.assign(answer, { status: 200, type: 'application/json' });
    answer.body = readFileSync(path.join(golden, 'openai/responses_rich.answer.json'));
    const read = await openai.responses.create({ model: 'm', input: 'x' });
    return read.output.length === 7 && read.output_text.endsWith('two');
}

async function chatCalls() {
    stream('openai/chat_tools.answer.sse');
    let text = '';
    const calls = [];
    for await (const chunk of await openai.chat.completions.create({ model: 'm', messages: [], stream: true })) {
        for (const { delta } of chunk.choices) {
            text += delta.content ?? '';
            for (const call of delta.tool_calls ?? []) {
                calls[call.index] = (calls[call.index] ?? '') + (call.function?.arguments ?? '');
            }
        }
    }
    return text === 'I look \u{1F600}' && same(calls.map((call) => JSON.parse(call)), [{ n: 1 }, { a: '\u00e9' }]);
}

const made = JSON.parse(readFileSync(path.join(golden, 'openai/images.answer.json')));
const pictures = made.data.map((image) => image.b64_json);
const upload = () => new File([Buffer.from(pictures[0], 'base64')], 'a.png', { type: 'image/png' });
const generate = () => openai.images.generate({ model: 'm', prompt: 'x' });
const edit = () => openai.images.edit({ model: 'm', prompt: 'x', image: [upload(), upload()], mask: upload() });

async function images(make) {
    give(200, made);
    const { data, usage } = await make();
    const found = data.map((image) => image.b64_json);
    return same(found, pictures) && usage.output_tokens === 20 && usage.input_tokens_details.image_tokens === 8;
}

async function imagesInPieces(name, kind, make) {
    stream(name);
    const events = [];
    for await (const event of await make()) events.push(event);
    return (
        same(events.map((event) => event.type), [`${kind}.partial_image`, `${kind}.completed`]) &&
        same(events.map((event) => event.b64_json), pictures) &&
        events[1].usage.output_tokens > 0
    );
}

async function message(name, kinds) {
    stream(name);
    const read = anthropic.messages.stream({ model: 'm', max_tokens: 9, messages: [] });
    return same((await read.finalMessage()).content.map((block) => block.type), kinds);
}

async function contents(name, parts) {
    stream(name);
    let found = 0;
    let last;
    for await (const chunk of await gemini.models.generateContentStream({ model: 'gemini-x', contents: 'x' })) {
        found += chunk.candidates[0].content.parts.length;
        last = chunk;
    }
    return found === parts && last.candidates[0].finishReason === 'STOP';
}

async function error(ask, status, value, expected) {
    give(status, value);
    try {
        await ask();
    } catch (thrown) {
        return expected(thrown);
    }
    return false;
}

await check('responses, recorded', () =>
    responses('openai/responses_stream.answer.sse', ['reasoning', 'image_generation_call', 'message'], 4));
await check('responses, rich', () =>
    responses(
        'openai/responses_rich.answer.sse',
        ['reasoning', 'function_call', 'reasoning', 'function_call', 'web_search_call', 'message', 'image_generation_call'],
        7,
    ));
await check('responses, complete', wholeResponse);
await check('chat, calls', chatCalls);
await check('images, complete', () => images(generate));
await check('images, edit', () => images(edit));
await check('images, recorded stream', () =>
    imagesInPieces('openai/images_stream.answer.sse', 'image_generation', () =>
        openai.images.generate({ model: 'm', prompt: 'x', stream: true })));
await check('images, stream of an edit', () =>
    imagesInPieces('openai/images_edit_stream.answer.sse', 'image_edit', () =>
        openai.images.edit({ model: 'm', prompt: 'x', image: upload(), stream: true })));
await check('anthropic, recorded', () =>
    message('anthropic/stream.answer.sse', ['thinking', 'redacted_thinking', 'text', 'tool_use']));
await check('anthropic, rich', () =>
    message('anthropic/rich.answer.sse', [
        'thinking',
        'tool_use',
        'thinking',
        'redacted_thinking',
        'text',
        'text',
        'server_tool_use',
        'web_search_tool_result',
        'tool_use',
    ]));
await check('gemini, recorded', () => contents('gemini/stream.answer.sse', 3));
await check('gemini, rich', () => contents('gemini/rich.answer.sse', 14));

for (const [status, type, expected] of [
    [400, 'invalid_request_error', Anthropic.BadRequestError],
    [401, 'authentication_error', Anthropic.AuthenticationError],
    [429, 'rate_limit_error', Anthropic.RateLimitError],
    [500, 'api_error', Anthropic.InternalServerError],
]) {
    const ask = () => anthropic.messages.create({ model: 'm', max_tokens: 9, messages: [] });
    const value = { type: 'error', error: { type, message: 'm' }, request_id: 'req_1' };
    await check(`anthropic, ${type}`, () => error(ask, status, value, (thrown) => thrown instanceof expected));
}
for (const [status, code, expected] of [
    [400, 'invalid_image', OpenAI.BadRequestError],
    [401, 'invalid_api_key', OpenAI.AuthenticationError],
    [429, 'rate_limit_exceeded', OpenAI.RateLimitError],
    [500, 'server_error', OpenAI.InternalServerError],
]) {
    const ask = () => openai.responses.create({ model: 'm', input: 'x' });
    const value = { error: { message: 'm', type: 'invalid_request_error', param: null, code } };
    const isRight = (thrown) => thrown instanceof expected && thrown.code === code;
    await check(`openai, ${code}`, () => error(ask, status, value, isRight));
    await check(`images, ${code}`, () => error(generate, status, value, isRight));
    await check(`images, edit, ${code}`, () => error(edit, status, value, isRight));
}
for (const [status, name] of [
    [400, 'INVALID_ARGUMENT'],
    [429, 'RESOURCE_EXHAUSTED'],
    [503, 'UNAVAILABLE'],
]) {
    const ask = () => gemini.models.generateContent({ model: 'gemini-x', contents: 'x' });
    const value = { error: { code: status, status: name, message: 'm', details: [] } };
    const isRight = (thrown) => thrown.status === status && thrown.message.includes(name);
    await check(`gemini, ${name}`, () => error(ask, status, value, isRight));
}

// Our own server for files; `end` returns what it says about itself.
async function server(api) {
    const child = spawn(testServer, ['llm', '--api', api], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (piece) => (printed += piece));
    while (!printed.includes('\n')) await once(child.stdout, 'data');
    const [first] = printed.split('\n');
    const base = first.replace('listening on ', '').trim().replace(/\/[^/]*$/, '');
    const end = async () => {
        child.kill('SIGTERM');
        await once(child, 'close');
        return printed.slice(first.length).trim();
    };
    return { base, end };
}

const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
);
const refused = async (act, status) => {
    try {
        await act();
    } catch (thrown) {
        return thrown.status === status;
    }
    return false;
};

async function anthropicFiles() {
    const { base, end } = await server('anthropic');
    const client = new Anthropic({ apiKey: 'k', baseURL: base, maxRetries: 0 });
    const image = new File([png], 'a.png', { type: 'image/png' });
    const file = await client.files.upload({ file: image });
    const ask = () => {
        const content = [
            { type: 'image', source: { type: 'file', file_id: file.id } },
            { type: 'text', text: 'see' },
        ];
        return client.messages.create({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] });
    };
    await check('anthropic, upload', () => file.filename === 'a.png' && file.size_bytes === png.length);
    await check('anthropic, a request that names it', async () => (await ask()).content[0].text === 'done');
    await check('anthropic, delete', async () => (await client.files.delete(file.id)).id === file.id);
    await check('anthropic, a request that names what is gone', () => refused(ask, 400));
    await check('anthropic, nothing is left', async () => (await end()) === '1 requests accepted, 0 files left');
}

async function geminiFiles() {
    const { base, end } = await server('gemini');
    const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: base } });
    const config = { mimeType: 'image/png', displayName: 'a.png' };
    const file = await client.files.upload({ file: new Blob([png], { type: 'image/png' }), config });
    const ask = () => {
        const contents = [{ fileData: { fileUri: file.uri, mimeType: 'image/png' } }, { text: 'see' }];
        return client.models.generateContent({ model: 'm', contents });
    };
    await check('gemini, upload', () => file.displayName === 'a.png' && file.mimeType === 'image/png');
    await check('gemini, ready', async () => (await client.files.get({ name: file.name })).state === 'ACTIVE');
    await check('gemini, a request that names it', async () => (await ask()).text === 'done');
    await check('gemini, delete', async () => Boolean(await client.files.delete({ name: file.name })));
    await check('gemini, delete again', () => refused(() => client.files.delete({ name: file.name }), 403));
    await check('gemini, nothing is left', async () => (await end()) === '1 requests accepted, 0 files left');
}

await anthropicFiles().catch((error) => check('anthropic, files', () => Promise.reject(error)));
await geminiFiles().catch((error) => check('gemini, files', () => Promise.reject(error)));

peer.close();
console.log(`official clients of JavaScript: ${passed} of ${passed + failed} cases as expected`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
