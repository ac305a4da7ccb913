"""Calls the official SDKs against one address, and prints what each call gave as a line of JSON."""

import io
import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors, types

URL, KEY = sys.argv[1:3]
HELLO = [{"role": "user", "content": "Hello"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def plain(value):
    """What an SDK gave, as JSON can tell it."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "model_dump"):
        # A head differs by what a gateway adds to it.
        told = value.model_dump(mode="json", exclude={"sdk_http_response"})
        request_id = getattr(value, "_request_id", None)
        return told if request_id is None else {**told, "_request_id": request_id}
    return value


def tell(name, call):
    try:
        result = plain(call())
    except (openai.APIError, anthropic.APIError, errors.APIError) as error:
        status = getattr(error, "status_code", getattr(error, "code", None))
        result = {"class": type(error).__name__, "status": status, "message": str(error)}
    print(json.dumps({"name": name, "result": result}), flush=True)
    return result


def call_openai():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
    chat = client.chat.completions
    ask = {"model": "gpt-4o-mini", "messages": HELLO}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]

    def stream(**more):
        chunks = [chunk.model_dump(mode="json") for chunk in chat.create(**ask, **more, stream=True)]
        # Every chunk of a stream that asked for no usage has a choice, and at most an empty usage.
        assert all(chunk["choices"][0] and chunk.pop("usage", None) is None for chunk in chunks)
        return chunks

    tell("openai chat", lambda: chat.create(**ask))
    tell("openai stream", stream)
    tell("openai tools", lambda: chat.create(**ask, tools=tools))
    tell("openai streamed tools", lambda: stream(tools=tools))
    tell("openai response", lambda: client.responses.create(model="gpt-5", input="Hello"))
    tell("openai streamed response", lambda: list(client.responses.create(model="gpt-5", input="Hello", stream=True)))
    embedded = {"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 16}
    tell("openai embeddings", lambda: client.embeddings.create(**embedded))
    tell("openai float embeddings", lambda: client.embeddings.create(**embedded, encoding_format="float"))
    lines = ("batch.jsonl", io.BytesIO(b"{}\n"))
    file = tell("openai file", lambda: client.files.create(file=lines, purpose="batch"))
    tell("openai files", lambda: list(client.files.list()))
    tell("openai file's content", lambda: client.files.content(file["id"]).read())
    tell("openai error", lambda: chat.create(**{**ask, "model": "mock-429"}))


def call_anthropic():
    client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
    ask = {"model": "claude-opus-4-6", "max_tokens": 1000, "messages": HELLO}
    tools = [{"name": "weather", "input_schema": CITY}]

    def stream(**more):
        with client.messages.stream(**ask, **more) as events:
            return [*(event for event in events), events.get_final_message()]

    tell("anthropic message", lambda: client.messages.create(**ask))
    tell("anthropic stream", stream)
    tell("anthropic tools", lambda: client.messages.create(**ask, tools=tools))
    tell("anthropic streamed tools", lambda: stream(tools=tools))
    tell("anthropic count", lambda: client.messages.count_tokens(model=ask["model"], messages=HELLO))
    tell("anthropic file", lambda: client.beta.files.upload(file=("data.csv", b"a,b\n", "text/csv")))
    tell("anthropic files", lambda: list(client.beta.files.list()))
    tell("anthropic models", lambda: list(client.models.list()))
    tell("anthropic error", lambda: client.messages.create(**{**ask, "model": "mock-529"}))


def call_gemini():
    client = genai.Client(api_key=KEY, http_options={"base_url": URL})
    ask = {"model": "gemini-2.5-flash", "contents": "Hello"}
    declared = [types.FunctionDeclaration(name="weather", parameters_json_schema=CITY)]
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=declared)])

    def chat():
        session = client.chats.create(model=ask["model"])
        return [session.send_message("Hello"), session.send_message("And then?")]

    def upload():
        return client.files.upload(file=io.BytesIO(b"mill"), config={"mime_type": "text/plain"})

    tell("gemini content", lambda: client.models.generate_content(**ask))
    tell("gemini stream", lambda: list(client.models.generate_content_stream(**ask)))
    tell("gemini tools", lambda: client.models.generate_content(**ask, config=config))
    tell("gemini streamed tools", lambda: list(client.models.generate_content_stream(**ask, config=config)))
    tell("gemini chat", chat)
    tell("gemini embeddings", lambda: client.models.embed_content(model="gemini-embedding-001", contents=["one", "two"]))
    tell("gemini count", lambda: client.models.count_tokens(**ask))
    tell("gemini file", upload)
    tell("gemini files", lambda: list(client.files.list()))
    tell("gemini error", lambda: client.models.generate_content(model="mock-429", contents="Hello"))


call_openai()
call_anthropic()
call_gemini()
