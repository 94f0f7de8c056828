"""Every refusal of the engine: the exchange's codes and messages (USD-M futures, error codes)."""

from __future__ import annotations

from enum import Enum

from perpkit.venue.errors import VenueError


class Refusal(Enum):
    """A refusal as `code, message`; `error` fills the placeholders of the message."""

    INVALID_MESSAGE = -1013, "INVALID_MESSAGE."
    START_AFTER_END = -1023, "Start time is greater than end time."
    MANDATORY = -1102, "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
    NOT_REQUIRED = -1106, "Parameter '{}' sent when not required."
    BAD_PRECISION = -1111, "Precision is over the maximum defined for this asset."
    INVALID_TIME_IN_FORCE = -1115, "Invalid timeInForce."
    INVALID_TYPE = -1116, "Invalid orderType."
    INVALID_SIDE = -1117, "Invalid side."
    INVALID_PARAMETER = -1130, "Data sent for parameter '{}' is not valid."
    INVALID_RESPONSE_TYPE = -1136, "Invalid newOrderRespType."
    REJECTED = -2010, "NEW_ORDER_REJECTED"
    UNKNOWN_ORDER = -2011, "Unknown order sent."
    NO_SUCH_ORDER = -2013, "Order does not exist."
    BAD_KEY = -2015, "Invalid API-key, IP, or permissions for action."
    NO_BALANCE = -2018, "Balance is insufficient."
    NO_MARGIN = -2019, "Margin is insufficient."
    WOULD_TRIGGER = -2021, "Order would immediately trigger."
    REDUCE_ONLY = -2022, "ReduceOnly Order is rejected."
    MAX_OPEN_ORDERS = -2025, "Reach max open order limit."
    MAX_POSITION = -2027, "Exceeded the maximum allowable position at current leverage."
    LOW_LEVERAGE = -2028, "Leverage is smaller than permitted: insufficient margin balance."
    PRICE_NEGATIVE = -4001, "Price less than 0."
    PRICE_ABOVE_MAX = -4002, "Price greater than max price."
    QUANTITY_ZERO = -4003, "Quantity less than or equal to zero."
    QUANTITY_BELOW_MIN = -4004, "Quantity less than min quantity."
    QUANTITY_ABOVE_MAX = -4005, "Quantity greater than max quantity."
    PRICE_BELOW_MIN = -4013, "Price less than min price."
    PRICE_OFF_TICK = -4014, "Price not increased by tick size."
    BAD_CLIENT_ID = -4015, "Client order id is not valid."
    LIMIT_TOO_HIGH = -4016, "Limit price can't be higher than {}."
    QUANTITY_OFF_STEP = -4023, "Qty not increased by step size."
    LIMIT_TOO_LOW = -4024, "Limit price can't be lower than {}."
    BAD_LEVERAGE = -4028, "Leverage {} is not valid"
    BAD_WORKING_TYPE = -4031, "Invalid parameter working type."
    CANCEL_BATCH_SIZE = -4032, "Exceed maximum cancel order size."
    MAX_ALGO_ORDERS = -4045, "Reach max stop order limit."
    SAME_MARGIN_TYPE = -4046, "No need to change margin type."
    MARGIN_TYPE_ORDERS = -4047, "Margin type cannot be changed if there exists open orders."
    MARGIN_TYPE_POSITION = -4048, "Margin type cannot be changed if there exists position."
    NOT_ISOLATED = -4049, "Add margin only support for isolated position."
    CROSS_BALANCE = -4050, "Cross balance insufficient."
    ISOLATED_BALANCE = -4051, "Isolated balance insufficient."
    NO_POSITION_MARGIN = -4054, "Cannot add position margin: position is 0."
    AMOUNT_NOT_POSITIVE = -4055, "Amount must be positive."
    SAME_POSITION_MODE = -4059, "No need to change position side."
    BAD_POSITION_SIDE = -4060, "Invalid position side."
    POSITION_SIDE_MISMATCH = -4061, "Order's position side does not match user's setting."
    POSITION_MODE_ORDERS = -4067, "Position side cannot be changed if there exists open orders."
    POSITION_MODE_POSITION = -4068, "Position side cannot be changed if there exists position."
    BATCH_SIZE = -4082, "Invalid number of batch place orders."
    DUPLICATE_CLIENT_ID = -4116, "ClientOrderId is duplicated."
    REDUCE_ONLY_ORDERS = (
        -4118,
        "ReduceOnly Order Failed. Please check your existing position and open orders",
    )
    USE_ALGO_ENDPOINT = (
        -4120,
        "Order type not supported for this endpoint. "
        "Please use the Algo Order API endpoints instead.",
    )
    CLOSE_POSITION_EXISTS = (
        -4130,
        "An open stop or take profit order with GTE and closePosition "
        "in the direction is existing.",
    )
    COUNTERPARTY_PRICE = (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    )
    QUANTITY_WITH_CLOSE = -4137, "Quantity must be zero with closePosition equals true"
    NOT_OPENING = -4140, "Invalid symbol status for opening position."
    SYMBOL_CLOSED = -4141, "Symbol is closed."
    ISOLATED_LEVERAGE = (
        -4161,
        "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    )
    MIN_NOTIONAL = (
        -4164,
        "Order's notional must be no smaller than {} (unless you choose reduce only).",
    )
    LONG_WINDOW = -4165, "Maximum time interval is {} days."
    OLD_WINDOW = -4166, "Search window is restricted to recent {} days only."
    MULTI_WITH_ISOLATED = (
        -4167,
        "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures "
        "under isolated-margin mode.",
    )
    ISOLATED_WITH_MULTI = (
        -4168,
        "Unable to adjust to isolated-margin mode under the Multi-Assets mode.",
    )
    MULTI_WITHOUT_MARGIN = (
        -4169,
        "Unable to adjust Multi-Assets Mode with insufficient margin balance in USDⓈ-M Futures.",
    )
    MULTI_WITH_ORDERS = (
        -4170,
        "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.",
    )
    MULTI_WITH_DEBT = (
        -4172,
        "Unable to adjust Multi-Assets Mode with a negative wallet balance "
        "in USDⓈ-M Futures account.",
    )
    SAME_MULTI_ASSETS = (
        -4171,
        "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.",
    )
    LOCKED = (
        -4400,
        "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, "
        "please try again later.",
    )
    REGION = (
        -4402,
        "Dear user, as per our Terms of Use and compliance with local regulations, "
        "this feature is currently not available in your region.",
    )
    FOK = (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history.",
    )
    GTX = (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history.",
    )
    AMENDED_STATUS = -5024, "Symbol is not in trading status. Order amendment is not permitted."
    AMENDED_TYPE = -5025, "Only limit order is supported."
    AMENDED_TOO_OFTEN = -5026, "Exceed maximum modify order limit."
    SAME_ORDER = -5027, "No need to modify the order."
    AMENDED_NOTIONAL = -5029, "Order's notional must be no smaller than {}"
    BAD_PRICE_MATCH = -5037, "Invalid price match"
    PRICE_MATCH_TYPE = -5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT"
    BAD_SELF_TRADE_MODE = -5039, "Invalid self trade prevention mode"
    GOOD_TILL = (
        -5040,
        "The goodTillDate timestamp must be greater than the current time plus 600 seconds "
        "and smaller than 253402300799000",
    )
    NO_PRICE_MATCH = -5041, "No depth matches this BBO order"
    NOT_REDUCE_ONLY = -5047, "The original order is not a reduce-only order."

    @property
    def code(self) -> int:
        return self.value[0]

    def error(self, *values: object) -> VenueError:
        status = 401 if self is Refusal.BAD_KEY else 400
        return VenueError(self.code, self.value[1].format(*values), status)


# Codes of rules that the venue does not have; a fault plan can still make it refuse with them.
_OTHERS = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -2023: "User in liquidation mode now.",
    -4087: "User can only place reduce only order",
    -4088: "User can not place order currently",
    -4192: "Trade forbidden due to Cooling-off Period.",
    -4411: "Please sign TradFi-Perps agreement contract fapi.",
}  # fmt: skip


def message_of(code: int) -> str:
    """Returns the exchange's message for a code, or a sentence with the code if none is known."""
    known = {each.code: str(each.value[1]) for each in Refusal} | _OTHERS
    return known.get(code, f"Refused with {code}.").replace("{}", "?")
