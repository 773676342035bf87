"""The admin, and one DRF view set that reads what the product's contracts read."""
from django.contrib import admin
from django.urls import include, path
from rest_framework import routers, serializers, viewsets

from .models import Account


class Listed(serializers.ModelSerializer):
    class Meta:
        model = Account
        fields = ["id", "email"]


class Shown(serializers.ModelSerializer):
    class Meta:
        model = Account
        fields = ["username", "password", "object_id"]


class Accounts(viewsets.ReadOnlyModelViewSet):
    queryset = Account.objects.filter(deleted_at=None).order_by("id")
    lookup_field, lookup_value_regex = "username", "[^/]+"

    def get_serializer_class(self):
        return Listed if self.action == "list" else Shown


router = routers.SimpleRouter()
router.register("accounts", Accounts)
urlpatterns = [path("admin/", admin.site.urls), path("api/", include(router.urls))]
