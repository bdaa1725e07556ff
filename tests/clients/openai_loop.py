"""A program with a tool of its own, as the openai package drives it: plain, then as a stream. Prints JSON lines."""

import json
import sys

import openai

client = openai.OpenAI()  # OPENAI_BASE_URL and OPENAI_API_KEY
tools = [{
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}]


def tell(**what):
    print(json.dumps(what), flush=True)


def answer(messages, stream):
    asked = dict(model="gpt-4o", messages=messages, tools=tools, temperature=0.1, parallel_tool_calls=False)
    if not stream:
        whole = client.chat.completions.create(**asked)
        return whole.choices[0].message, whole.choices[0].finish_reason, whole.usage, whole.model
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
        for _ in events:
            pass
        whole = events.get_final_completion()
    return whole.choices[0].message, whole.choices[0].finish_reason, whole.usage, whole.model


def loop(stream):
    messages = [
        {"role": "system", "content": "Use your tools."},
        {"role": "user", "content": "What is 2 and 3?"},
    ]
    while True:
        message, finish, usage, model = answer(messages, stream)
        tell(stream=stream, text=message.content, finish=finish, tokens=usage.total_tokens, model=model)
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return
        for call in message.tool_calls:
            given = json.loads(call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(given["a"] + given["b"])})


tell(models=[model.id for model in client.models.list()])
loop(False)
loop(True)
refused = {
    "key": lambda: openai.OpenAI(api_key="wrong").models.list(),
    "parameter": lambda: client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], n=2),
    "route": lambda: client.embeddings.create(model="m", input="x"),
    "denied": lambda: client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Tell me of Anna."}]
    ),
}
for name, ask in refused.items():
    try:
        ask()
        tell(refused=name, error=None)
    except openai.APIStatusError as error:
        tell(refused=name, error=type(error).__name__, status=error.status_code, message=error.message)
sys.exit(0)
