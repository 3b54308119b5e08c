"""What the journal says of carts and products, as far as the figures need it: which products, at what price."""

from cart_recovery.v1.commerce_pb2 import ProductUpdated
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.line_pb2 import Cart


class Carts:
    """The products of every cart, by storefront and cart."""

    def __init__(self) -> None:
        self._quantities: dict[tuple[str, str], dict[tuple[str, str], int]] = {}

    def fold(self, event: Event) -> None:
        """Takes up a cart event; other kinds change nothing."""
        match event.WhichOneof("kind"):
            case "product_added":
                added = event.product_added
                cart = self._quantities.setdefault((event.storefront_id, added.cart_id), {})
                item = (added.line.product_id, added.line.variant_id)
                cart[item] = cart.get(item, 0) + added.line.quantity
            case "product_removed":
                removed = event.product_removed
                cart = self._quantities.setdefault((event.storefront_id, removed.cart_id), {})
                item = (removed.line.product_id, removed.line.variant_id)
                left = cart.get(item, 0) - removed.line.quantity
                if left > 0:
                    cart[item] = left
                else:
                    cart.pop(item, None)
            case "cart_updated":
                self.replace(event.storefront_id, event.cart_updated.cart)

    def replace(self, storefront_id: str, cart: Cart) -> None:
        """Takes a full snapshot."""
        self._quantities[storefront_id, cart.cart_id] = {
            (line.product_id, line.variant_id): line.quantity for line in cart.lines
        }

    def products(self, storefront_id: str, cart_id: str) -> frozenset[str]:
        """The product ids in the cart now."""
        return frozenset(product for product, _ in self._quantities.get((storefront_id, cart_id), {}))


class Catalogue:
    """Price and cost of products, by storefront; a field that an update leaves out keeps its value."""

    def __init__(self) -> None:
        self._prices: dict[tuple[str, str], int] = {}
        self._costs: dict[tuple[str, str], int] = {}

    def update(self, storefront_id: str, product: ProductUpdated) -> None:
        """Takes up what the update says."""
        key = (storefront_id, product.product_id)
        if product.HasField("price_minor"):
            self._prices[key] = product.price_minor
        if product.HasField("cost_minor"):
            self._costs[key] = product.cost_minor

    def price_minor(self, storefront_id: str, product_id: str) -> int | None:
        """The price in minor units, if known."""
        return self._prices.get((storefront_id, product_id))

    def cost_minor(self, storefront_id: str, product_id: str) -> int | None:
        """The cost in minor units, if known."""
        return self._costs.get((storefront_id, product_id))
