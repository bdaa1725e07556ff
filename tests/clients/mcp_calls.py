"""A program that uses its agent's skills, as the mcp package drives them. Prints JSON lines.

    mcp_calls.py INSIDE OUTSIDE     a file inside the agent's grant, and one outside
"""

import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


def tell(**what):
    print(json.dumps(what), flush=True)


async def main(inside, outside):
    key = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    for mode in ("auto", "legacy"):
        async with create_mcp_http_client(headers=key) as http:
            transport = streamable_http_client(os.environ["BULKHEAD_MCP_URL"], http_client=http)
            async with Client(transport, mode=mode) as client:
                listed = await client.list_tools()
                tell(mode=mode, tools=[tool.name for tool in listed.tools])
                schema = next(tool.input_schema for tool in listed.tools if tool.name == "file-reader")
                tell(mode=mode, required=schema.get("required"))
                for skill, path in (("file-reader", inside), ("file-reader", outside), ("shell", outside)):
                    result = await client.call_tool(skill, {"path": path})
                    tell(mode=mode, skill=skill, error=result.is_error, text=result.content[0].text)
    try:
        async with create_mcp_http_client(headers={"Authorization": "Bearer wrong"}) as http:
            transport = streamable_http_client(os.environ["BULKHEAD_MCP_URL"], http_client=http)
            async with Client(transport) as client:
                await client.list_tools()
        tell(wrong_key="served")
    except BaseException as error:  # noqa: BLE001  whatever it is, it must not be served
        tell(wrong_key="refused", error=type(error).__name__)


asyncio.run(main(*sys.argv[1:]))
